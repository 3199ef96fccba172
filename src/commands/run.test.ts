import { spawn, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer as createHttpServer, type IncomingMessage, type Server } from "node:http";
import { connect, type AddressInfo, type Socket } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { temporaryFolder } from "../testing/temporary-folder.ts";

const bin = join(import.meta.dirname, "..", "bin.js");
let folder = "";
const running = new Set<ChildProcessByStdio<null, Readable, Readable>>();

beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(() => {
  for (const child of running) child.kill("SIGKILL");
});

/** A `parley serve` of its own: on a free port, with folders of its own, on echo unless told otherwise. */
interface Serving {
  readonly child: ChildProcessByStdio<null, Readable, Readable>;
  readonly readyFile: string;
  /** What it has printed. */
  out(): string;
  err(): string;
  /** Waits for the ready line and answers with its url. */
  ready(): Promise<string>;
  /** Waits for a line of either output. */
  line(pattern: RegExp): Promise<string>;
  /** Waits for the end and answers with the exit code. */
  ended: Promise<number | null>;
}

interface Start {
  readonly variables?: Record<string, string>;
  readonly args?: readonly string[];
  readonly nodeArgs?: readonly string[];
}

function serve({ variables = {}, args = [], nodeArgs = [] }: Start = {}): Serving {
  const readyFile = join(folder, "ready.json");
  const env = {
    LLM_DEFAULT_PROVIDER: "echo",
    LLM_MODELS_DIR: join(folder, "models"),
    LLM_DATA_DIR: join(folder, "data"),
    LLM_LOG_LEVEL: "info",
    ...variables,
  };
  const child = spawn(process.execPath, [...nodeArgs, bin, "serve", "--port", "0", "--ready-file", readyFile, ...args], {
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.add(child);
  const texts = { out: "", err: "" };
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  for (const name of ["out", "err"] as const) {
    createInterface({ input: name === "out" ? child.stdout : child.stderr }).on("line", (text) => {
      texts[name] += `${text}\n`;
      lines.push(text);
      for (const look of waiting) look();
    });
  }
  const ended = once(child, "close").then(([code]) => (running.delete(child), code as number | null));
  const line = (pattern: RegExp) =>
    new Promise<string>((resolve, reject) => {
      const look = () => {
        const found = lines.find((text) => pattern.test(text));
        if (found !== undefined) resolve(found);
      };
      waiting.add(look);
      look();
      void ended.then((code) => reject(new Error(`ended with ${code} before ${pattern}: ${texts.out}${texts.err}`)));
    });
  return {
    child,
    readyFile,
    ended,
    line,
    out: () => texts.out,
    err: () => texts.err,
    ready: async () => (await line(/^parley ready at /)).replace("parley ready at ", ""),
  };
}

/** Begins a stream and reads none of it, so that it lasts until somebody ends it. */
async function stall(url: string): Promise<Socket> {
  const body = JSON.stringify({ stream: true, messages: [{ role: "user", content: "word ".repeat(200_000) }] });
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  socket.on("error", () => {});
  socket.write(
    `POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  );
  await once(socket, "readable");
  return socket;
}

function configFile(text: string): string {
  const file = join(folder, "parley.yaml");
  writeFileSync(file, text);
  return file;
}

describe("parley serve", () => {
  it("prints where it is and what to do, then the ready line, and ends with 0 at SIGTERM", async () => {
    const parley = serve();
    const url = await parley.ready();
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect((await fetch(`${url}/health`)).status).toBe(200);
    for (const text of [`curl ${url}/v1/chat/completions`, "echo", join(folder, "models")]) expect(parley.out()).toContain(text);
    expect(parley.out()).toMatch(/\nparley ready at \S+\n$/);
    expect(JSON.parse(readFileSync(parley.readyFile, "utf8"))).toEqual({ urls: [url], pid: parley.child.pid });
    parley.child.kill("SIGTERM");
    expect(await parley.ended).toBe(0);
    expect(existsSync(parley.readyFile)).toBe(false);
  });

  it("ends what runs within the drain limit, and takes npm's second SIGINT for the same Ctrl-C", async () => {
    const parley = serve({ args: ["--config", configFile("limits: {values: {drainMs: 600}}")] });
    const socket = await stall(await parley.ready());
    parley.child.kill("SIGINT");
    await parley.line(/"draining"/);
    parley.child.kill("SIGINT");
    expect(await parley.ended).toBe(0);
    socket.destroy();
  });

  it("outlives the reader of its banner", async () => {
    const parley = serve();
    parley.child.stdout.destroy();
    await parley.line(/"standard output is gone"/);
    const { urls } = JSON.parse(readFileSync(parley.readyFile, "utf8")) as { urls: string[] };
    expect((await fetch(`${urls[0]}/health`)).status).toBe(200);
    parley.child.kill("SIGTERM");
    expect(await parley.ended).toBe(0);
  });

  it("ends at once at a second SIGTERM, with what a shell calls that", async () => {
    const parley = serve();
    const socket = await stall(await parley.ready());
    parley.child.kill("SIGTERM");
    await parley.line(/"draining"/);
    parley.child.kill("SIGTERM");
    expect(await parley.ended).toBe(143);
    expect(existsSync(parley.readyFile)).toBe(false);
    socket.destroy();
  });

  it("logs an error that nobody caught whole, and ends with 1", async () => {
    const bomb = 'process.once("SIGUSR2", () => { throw new Error("boom", { cause: new Error("fuse") }); })';
    const parley = serve({ nodeArgs: ["--import", `data:text/javascript,${encodeURIComponent(bomb)}`] });
    await parley.ready();
    parley.child.kill("SIGUSR2");
    expect(await parley.ended).toBe(1);
    const logged = parley
      .err()
      .split("\n")
      .filter((text) => text.includes("uncaught"))
      .map((text) => JSON.parse(text) as Record<string, unknown>);
    expect(logged).toMatchObject([{ level: "error", error: { message: "boom", cause: { message: "fuse" } } }]);
    expect(existsSync(parley.readyFile)).toBe(false);
  });

  it("says in one line that its port is taken, and ends with 2", async () => {
    const other = createHttpServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as AddressInfo;
    const parley = serve({ args: ["--port", String(port)] });
    expect(await parley.ended).toBe(2);
    expect(parley.err()).toMatch(new RegExp(`^parley: cannot listen on 127\\.0\\.0\\.1:${port}: .*\\n$`));
    other.close();
  });

  it("ends with an error when the ready file cannot be written", async () => {
    const parley = serve({ args: ["--ready-file", join(folder, "none", "ready.json")] });
    expect(await parley.ended).toBe(2);
    expect(parley.err()).toContain("--ready-file: ");
  });
});

/** No pip on the PATH and no hub behind the port: nothing that a model could come from. */
const cutOff = { LLM_DEFAULT_PROVIDER: "", HF_ENDPOINT: "http://127.0.0.1:1", PATH: "" };

describe("the first start", () => {
  it("serves echo within seconds where no source answers, and says so in one sentence", async () => {
    const parley = serve({ variables: cutOff });
    const url = await parley.ready();
    expect(parley.out().match(/no model could be pulled, so echo answers/g)).toHaveLength(1);
    const body = JSON.stringify({ messages: [{ role: "user", content: "hello" }] });
    const response = await fetch(`${url}/v1/chat/completions`, { method: "POST", headers: { "content-type": "application/json" }, body });
    expect(await response.json()).toMatchObject({ choices: [{ message: { content: "hello" } }] });
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
  });

  it("ends with an error where a local model was insisted on", async () => {
    const parley = serve({ variables: { ...cutOff, LLM_DEFAULT_PROVIDER: "local" } });
    expect(await parley.ended).toBe(1);
    expect(parley.err()).toMatch(/parley: no source gives smollm2-135m-instruct: .*\n$/);
    expect(parley.out()).toBe("");
  });

  it("stops cleanly at Ctrl-C during the pull, and the next start goes on where it was", async () => {
    const { server, url, asked } = await halfAnsweringMirror();
    const variables = { ...cutOff, LLM_MODEL_MIRROR: url };
    for (const expectsRange of [false, true]) {
      const parley = serve({ variables });
      const request = await asked();
      expect(request.headers.range !== undefined && !request.headers.range.startsWith("bytes=0-")).toBe(expectsRange);
      await parley.line(/%/);
      parley.child.kill("SIGINT");
      expect(await parley.ended).toBe(0);
      expect(parley.out()).toBe("");
    }
    server.closeAllConnections();
    server.close();
  });
});

/** A mirror that gives the first megabytes of a file that never ends. */
async function halfAnsweringMirror(): Promise<{ server: Server; url: string; asked: () => Promise<IncomingMessage> }> {
  const size = 98_362_432;
  const requests: IncomingMessage[] = [];
  const server = createHttpServer((request, response) => {
    const from = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? "")?.[1] ?? 0);
    const headers = { "content-length": size - from, etag: '"x"', "accept-ranges": "bytes" };
    if (from > 0) response.writeHead(206, { ...headers, "content-range": `bytes ${from}-${size - 1}/${size}` });
    else response.writeHead(200, headers);
    response.write(Buffer.alloc(8 << 20));
    requests.push(request);
    server.emit("asked");
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    server,
    url: `http://127.0.0.1:${port}/`,
    async asked() {
      while (requests.length === 0) await once(server, "asked");
      return requests.shift()!;
    },
  };
}
