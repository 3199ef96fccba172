import { readdirSync } from "node:fs";
import { join } from "node:path";

/** The project's folder. */
export const root = join(import.meta.dirname, "..", "..");

/** A program to run. */
export interface Step {
  readonly words: readonly [string, ...string[]];
  /** Below the project's folder; default that folder itself. */
  readonly folder?: string;
  readonly environment?: NodeJS.ProcessEnv;
}

/** How the example program of a language is built and called. */
export interface Language {
  readonly name: string;
  /** What it cannot do without. */
  readonly tool: string;
  /** What is written first, by its path below the project's folder. */
  readonly files?: Readonly<Record<string, string>>;
  /** Makes the program, and the code of the contract, in `.cache`. What is there already is not made again. */
  readonly prepare: readonly Step[];
  /** Calls the service at an address, such as `127.0.0.1:8080`. */
  readonly call: (address: string) => Step;
  /** What it prints, where that is not what the programs print. */
  readonly prints?: string;
}

const cache = join(root, ".cache", "clients");

const contract = readdirSync(join(root, "proto/parley/v1")).map((name) => `parley/v1/${name}`);

const python = join(cache, "python-venv/bin/python");
const pythonCode = join(cache, "python");
const pythonPackages = ["grpcio==1.85.1", "grpcio-tools==1.85.1", "grpcio-health-checking==1.85.1"];

const go = join(root, ".cache/go");
const goPlugins = join(go, "plugins");
// A module cache that can be deleted like any other folder.
const goSettings = { GOPATH: go, GOCACHE: join(go, "build"), GOBIN: goPlugins, GOFLAGS: "-modcacherw" };
const goClient = join(cache, "go-client");

const maven = ["mvn", "-q", "-B", `-Dmaven.repo.local=${join(cache, "m2")}`] as const;

const cargo = { CARGO_HOME: join(cache, "cargo"), CARGO_TARGET_DIR: join(cache, "rust") };

const grpcurlQuestion = `{"model":"echo","messages":[{"role":"ROLE_USER","parts":[{"text":{"text":"one two three"}}]}]}`;
const grpcurlScript = `
  set -- "$1" "$2" "\${PARLEY_CA:+-cacert}" "\${PARLEY_CA:--plaintext}"
  said() { "$1" \${3:+"$3"} "$4" -H "authorization: Bearer $PARLEY_API_KEY" -d '${grpcurlQuestion}' "$2" "parley.v1.ChatService/$5" |
    sed -n 's/^ *"text": "\\(.*\\)"$/\\1/p' | tr -d '\\n'; }
  echo "Chat: $(said "$@" Chat)"
  echo "Stream: $(said "$@" Stream)"`;

/** Every language that has a program, and the command line's own client. */
export const languages: readonly Language[] = [
  {
    name: "Python",
    tool: "python3",
    files: { ".cache/clients/python/.keep": "" },
    prepare: [
      { words: ["sh", "-c", `test -x ${python} || python3 -m venv ${join(cache, "python-venv")}`] },
      { words: [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", ...pythonPackages] },
      {
        words: [python, "-m", "grpc_tools.protoc", "-Iproto", `--python_out=${pythonCode}`, `--grpc_python_out=${pythonCode}`, ...contract],
      },
    ],
    call: (address) => ({ words: [python, "src/clients/python/client.py", address], environment: { PYTHONPATH: pythonCode } }),
  },
  {
    name: "Go",
    tool: "go",
    files: { ".cache/clients/go/go.mod": "module parley.example/gen\n\ngo 1.24.0\n" },
    prepare: [
      { words: ["go", "install", "google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.10"], environment: goSettings },
      { words: ["go", "install", "google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.5.1"], environment: goSettings },
      {
        words: [join(root, "node_modules/.bin/buf"), "generate", "--template", "src/clients/go/buf.gen.yaml", "--path", "proto/parley/v1"],
        environment: { PATH: `${goPlugins}:${process.env["PATH"]}` },
      },
      { words: ["go", "build", "-o", goClient, "."], folder: "src/clients/go", environment: goSettings },
    ],
    call: (address) => ({ words: [goClient, address] }),
  },
  {
    name: "Java",
    tool: "mvn",
    prepare: [{ words: [...maven, "compile"], folder: "src/clients/java" }],
    call: (address) => ({ words: [...maven, "exec:java", `-Dexec.args=${address}`], folder: "src/clients/java" }),
  },
  {
    name: "Rust",
    tool: "cargo",
    prepare: [{ words: ["cargo", "build", "--quiet", "--locked"], folder: "src/clients/rust", environment: cargo }],
    call: (address) => ({ words: [join(cache, "rust/debug/parley-example"), address] }),
  },
  {
    name: "grpcurl",
    tool: "go",
    prepare: [{ words: ["go", "install", "github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3"], environment: goSettings }],
    // It asks for the schema by reflection, then calls.
    call: (address) => ({ words: ["sh", "-c", grpcurlScript, "sh", join(goPlugins, "grpcurl"), address] }),
    prints: "Chat: one two three\nStream: one two three",
  },
];
