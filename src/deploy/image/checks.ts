import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { run, root } from "../programs.ts";
import type { Container } from "../containers/container.ts";
import { ask } from "../containers/probes.ts";
import type { BuiltImage, ImageConfig } from "./build.ts";

/** What an image of ours must not have: shells, tools that install or build, what a GPU computes with, and what a shell remembers. */
const unwanted =
  /(^|\/)(sh|bash|dash|busybox|npm|npx|yarn|corepack|gcc|g\+\+|cc|make|cmake|cmake-js|typescript|python3?|apt|apt-get|dpkg|\.\w*_history|\.npmrc|\.env|\.git|gitRelease\.bundle)$/;
const ownTests = /\.test\.ts$|^\/opt\/parley\/src\/(testing|bench|clients|deploy)\//;
const gpuBinaries = /@node-llama-cpp\/[^/]*-(cuda|cuda-ext|vulkan)\//;

/** Looks through an image. Throws where there is something that must not be there, or something is missing. */
export function checkContents({ rootfs, config }: BuiltImage): string {
  const files = readdirSync(rootfs, { recursive: true, withFileTypes: true }).map((entry) =>
    join(entry.parentPath, entry.name).slice(rootfs.length),
  );
  const isUnwanted = (file: string) => unwanted.test(file) || gpuBinaries.test(file) || ownTests.test(file);
  refuse("it has", files.filter(isUnwanted).slice(0, 10));
  refuse("it lacks", missingFacts(config));
  const documents = join(rootfs, "usr/share/doc/parley");
  const bill = JSON.parse(readFileSync(join(documents, "sbom.cdx.json"), "utf8")) as { bomFormat: string; components: { name: string }[] };
  const names = new Set(bill.components.map(({ name }) => name));
  const wanted = ["node", "llama.cpp", ...packagesOf(files)];
  refuse("the bill of materials lacks", bill.bomFormat === "CycloneDX" ? wanted.filter((name) => !names.has(name)) : ["its format"]);
  const licences = readFileSync(join(documents, "LICENCES.txt"), "utf8");
  refuse(
    "no licence is told of",
    [...names].filter((name) => !licences.includes(`${name} `)),
  );
  return `${files.length} files, ${names.size} components in the bill of materials, each with its licence`;
}

function missingFacts({ User, Healthcheck, Volumes, Labels = {} }: ImageConfig): string[] {
  const labels = ["title", "description", "licenses", "version", "revision", "created"].map((name) => `org.opencontainers.image.${name}`);
  return [
    ...(User === "65532:65532" ? [] : ["its user"]),
    ...(Healthcheck?.Test.includes("healthcheck") === true ? [] : ["a health check"]),
    ...(Volumes?.["/models"] === undefined ? ["the volume /models"] : []),
    ...labels.filter((name) => (Labels[name] ?? "") === ""),
  ];
}

function refuse(what: string, found: readonly string[]): void {
  if (found.length > 0) throw new Error(`${what} ${found.join(", ")}`);
}

function packagesOf(files: readonly string[]): string[] {
  const name = /^\/opt\/parley\/.*?node_modules\/((?:@[^/]+\/)?[^@/]+)\/package\.json$/;
  return files.flatMap((file) => name.exec(file)?.[1] ?? []);
}

/** Looks at the process as the kernel holds it; `folder` is one that it must be able to write to. Throws where it may more than it should, or less. */
export async function checkConfinement(container: Container, folder = "/models"): Promise<string> {
  const look = `const {readFileSync,writeFileSync}=require("node:fs");
    const status=readFileSync("/proc/1/status","utf8");const field=(name)=>new RegExp("^"+name+":\\\\s*(.*)$","m").exec(status)[1];
    let written=[];for(const folder of ["/","/opt/parley","/usr/local/bin","/etc"])try{writeFileSync(folder+"/x","");written.push(folder)}catch{}
    for(const folder of ["/tmp","${folder}"]){writeFileSync(folder+"/x","");require("node:fs").rmSync(folder+"/x")}
    console.log(JSON.stringify({written,uid:field("Uid"),caps:field("CapEff")+field("CapBnd"),privileges:field("NoNewPrivs"),seccomp:field("Seccomp"),name:readFileSync("/proc/1/cmdline","utf8").split("\\0")[0]}))`;
  const { text } = await container.exec(["/usr/local/bin/node", "-e", look]);
  if (!text.startsWith("{")) throw new Error(text);
  const seen = JSON.parse(text) as Readonly<Record<"uid" | "caps" | "privileges" | "seccomp" | "name", string>> & {
    readonly written: readonly string[];
  };
  if (seen.written.length > 0) throw new Error(`it may write to ${seen.written.join(", ")}`);
  if (!/^65532\b/.test(seen.uid) || !/^0+$/.test(seen.caps) || seen.privileges !== "1")
    throw new Error(`its process may too much: ${text}`);
  if (!seen.name.endsWith("node")) throw new Error(`its first process is ${seen.name}`);
  return `process 1 is Node itself; uid 65532, no capability, no new privileges, seccomp ${seen.seccomp === "2" ? "filter on" : "off"}, read-only root`;
}

/** Asks what changes the service, from another machine than its own. Throws where that is not refused, or where the log does not say that everyone is served. */
export async function checkOpenness(container: Container): Promise<string> {
  const { status, text } = await ask(`http://${container.address}:8080/parley.v1.ModelService/UnloadModel`, {
    id: "smollm2-135m-instruct",
  });
  if (status !== 403) throw new Error(`management answered ${status}: ${text}`);
  const lines = container
    .output()
    .split("\n")
    .filter((line) => line.includes("everyone who can connect is served"));
  if (lines.length !== 1) throw new Error(`${lines.length} lines of the log say that everyone is served`);
  return "inference is open, management answers 403 to another machine, and one log line says so";
}

/** Runs the README's first curl against a container. Throws where it is not answered. */
export async function readmeCurl(container: Container): Promise<string> {
  const readme = readFileSync(join(root, "README.md"), "utf8");
  const [curl] = /^curl localhost:8080\/v1\/chat\/completions (?:.*\\\n)*.*$/m.exec(readme) ?? [];
  if (curl === undefined) throw new Error("README.md has no curl of localhost:8080");
  const answer = await run("sh", ["-c", curl.replace("curl localhost", `curl -sSf ${container.address}`)]);
  const { choices } = JSON.parse(answer) as { choices: { message: { content: string } }[] };
  const said = choices[0]?.message.content ?? "";
  if (said === "") throw new Error(`it answered ${answer}`);
  return JSON.stringify(said.replaceAll(/\s+/g, " ").slice(0, 60));
}
