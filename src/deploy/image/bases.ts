import { chmodSync, copyFileSync, cpSync, existsSync, mkdirSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { run } from "../programs.ts";

/*
 * Stand-ins for the two base images, where none can be pulled: made of this machine's own libraries, so that the Dockerfile is built as it stands.
 * One builds (a shell, Node and npm), the other runs (libraries and certificates alone, as in the distroless image that the Dockerfile names).
 */

const authorities = "/etc/ssl/certs/ca-certificates.crt";

/** Lays out what the building stage needs. */
export async function layOutBuilder(folder: string): Promise<void> {
  rmSync(folder, { recursive: true, force: true });
  await addProgram(folder, process.execPath, "/usr/local/bin/node");
  await addProgram(folder, realpathSync("/bin/sh"), "/bin/sh");
  cpSync(await npmFolder(), join(folder, "usr/lib/npm"), { recursive: true });
  addFile(folder, "usr/local/bin/npm", '#!/bin/sh\nexec node /usr/lib/npm/bin/npm-cli.js "$@"\n');
  chmodSync(join(folder, "usr/local/bin/npm"), 0o755);
  addSystem(folder);
}

/** Lays out what runs: what Node is linked with, and no program. */
export async function layOutRuntime(folder: string): Promise<void> {
  rmSync(folder, { recursive: true, force: true });
  await addLibraries(folder, process.execPath);
  addSystem(folder);
}

async function addProgram(folder: string, program: string, path: string): Promise<void> {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  copyFileSync(program, join(folder, path));
  await addLibraries(folder, program);
}

/** Copies the libraries of a program to where it looks for them. */
async function addLibraries(folder: string, program: string): Promise<void> {
  const linked = await run("ldd", [program]);
  for (const [, path = ""] of linked.matchAll(/^\s*(?:\S+ => )?(\/\S+) \(0x/gm)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    copyFileSync(realpathSync(path), join(folder, path));
  }
}

function addSystem(folder: string): void {
  addFile(folder, "etc/passwd", "root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n");
  addFile(folder, "etc/group", "root:x:0:\nnonroot:x:65532:\n");
  addFile(folder, "etc/nsswitch.conf", "hosts: files dns\n");
  mkdirSync(join(folder, "tmp"), { recursive: true });
  chmodSync(join(folder, "tmp"), 0o1777);
  mkdirSync(join(folder, "root"), { recursive: true });
  if (!existsSync(authorities)) return;
  mkdirSync(dirname(join(folder, authorities)), { recursive: true });
  copyFileSync(authorities, join(folder, authorities));
}

function addFile(folder: string, path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}

async function npmFolder(): Promise<string> {
  const npm = process.env["npm_execpath"] ?? realpathSync((await run("sh", ["-c", "command -v npm"])).trim());
  return dirname(dirname(npm));
}
