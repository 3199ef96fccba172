import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { watch } from "node:fs";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { ModelState, PullPhase } from "../../gen/parley/v1/models_pb.ts";
import { sendModel, sha256Of, startModelHub, type Exchange } from "../testing/model-hub.ts";
import { openTestLibrary } from "../testing/open-library.ts";
import { temporaryFolder } from "../testing/temporary-folder.ts";
import { tinyGguf } from "../testing/tiny-gguf.ts";

const bytes = tinyGguf();
const half = Math.floor(bytes.length / 2);
const never = new AbortController().signal;
const sources = [{ hub: "owner/name", revision: "main", path: "tiny.gguf" }];
const known = {
  id: "tiny",
  title: "Tiny",
  licence: "MIT",
  file: "tiny.gguf",
  purpose: "chat",
  sources,
  sizeBytes: bytes.length,
  sha256: sha256Of(bytes),
};

/** A hub whose first answers are as given; all later ones are whole. */
async function hub(...first: ((exchange: Exchange) => void)[]) {
  const answers = [...first];
  const started = await startModelHub((exchange) => (answers.shift() ?? ((each) => sendModel(each, bytes)))(exchange));
  onTestFinished(() => started.close());
  return started;
}

const cut = (exchange: Exchange) => sendModel(exchange, bytes, { cutAfter: half });

/** Sends the first half and then nothing. */
const hold = ({ response }: Exchange) =>
  void response.writeHead(200, { etag: `"${known.sha256}"`, "content-length": bytes.length }).write(bytes.subarray(0, half));

function untilSize(path: string, size: number): Promise<void> {
  return new Promise((resolve) => {
    const look = async () => {
      if ((await stat(path).catch(() => undefined))?.size !== size) return;
      watcher.close();
      resolve();
    };
    const watcher = watch(dirname(path), () => void look());
    void look();
  });
}

function startPull(directory: string, endpoint: string): ChildProcess & { readonly ended: Promise<unknown[]>; lines(): string } {
  const child = spawn(process.execPath, ["src/bin.js", "models", "pull", "tiny", "--json", "--models-dir", directory], {
    env: { PATH: process.env["PATH"], HF_ENDPOINT: endpoint, LLM_DATA_DIR: join(directory, "data") },
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (data: Buffer) => (text += data.toString()));
  return Object.assign(child, { ended: once(child, "close"), lines: () => text });
}

describe("an interrupted pull", { timeout: 20_000 }, () => {
  it("asks the same source to go on when the connection breaks", async () => {
    const { url, requests } = await hub(cut);
    const library = await openTestLibrary({ hub: url, models: [known] });
    await Array.fromAsync(library.pull("tiny", never));
    expect(requests.map(({ headers }) => [headers.range, headers["if-range"]])).toEqual([
      [undefined, undefined],
      [`bytes=${half}-`, `"${known.sha256}"`],
    ]);
    expect(library.find("tiny")?.sha256).toBe(known.sha256);
  });

  it("begins anew with a source that has other bytes by now, or knows no ranges", async () => {
    for (const later of [{ etag: '"new"' }, { ranges: false }]) {
      const { url } = await hub(cut, (exchange) => sendModel(exchange, bytes, later));
      const library = await openTestLibrary({ hub: url, models: [known] });
      await Array.fromAsync(library.pull("tiny", never));
      expect(library.find("tiny")?.sha256).toBe(known.sha256);
    }
  });

  it("goes on in the next pull with the bytes it has", async () => {
    const { url, requests } = await hub(hold);
    const library = await openTestLibrary({ hub: url, models: [known] });
    const leaving = new AbortController();
    const first = Array.fromAsync(library.pull("tiny", leaving.signal));
    await untilSize(join(library.directory, "tiny.gguf.part"), half);
    leaving.abort();
    await expect(first).rejects.toThrow("the caller went away");
    await Array.fromAsync(library.pull("tiny", never));
    expect(requests.map(({ headers }) => headers.range)).toEqual([undefined, `bytes=${half}-`]);
    expect(library.find("tiny")?.sha256).toBe(known.sha256);
  });

  it("begins anew when the bytes that were left turn out wrong", async () => {
    const { url, requests } = await hub(hold);
    const library = await openTestLibrary({ hub: url, models: [known] });
    const leaving = new AbortController();
    const first = Array.fromAsync(library.pull("tiny", leaving.signal));
    const part = join(library.directory, "tiny.gguf.part");
    await untilSize(part, half);
    leaving.abort();
    await first.catch(() => {});
    await writeFile(part, Buffer.alloc(half));
    await Array.fromAsync(library.pull("tiny", never));
    expect(requests.map(({ headers }) => headers.range)).toEqual([undefined, `bytes=${half}-`, undefined]);
    expect(library.find("tiny")?.sha256).toBe(known.sha256);
  });

  it("trusts no bytes whose description is missing", async () => {
    const { url, requests } = await hub();
    const library = await openTestLibrary({ hub: url, models: [known] });
    await writeFile(join(library.directory, "tiny.gguf.part"), bytes.subarray(0, half));
    await Array.fromAsync(library.pull("tiny", never));
    expect(requests.map(({ headers }) => headers.range)).toEqual([undefined]);
  });

  it("is gone on with after its process was killed", async () => {
    const { url, requests } = await hub(hold);
    const library = await openTestLibrary({ hub: url, models: [known] });
    const child = startPull(library.directory, url);
    await untilSize(join(library.directory, "tiny.gguf.part"), half);
    child.kill("SIGKILL");
    await child.ended;
    expect(await readdir(library.directory)).toContain("tiny.gguf.lock");
    await Array.fromAsync(library.pull("tiny", never));
    expect(requests.map(({ headers }) => headers.range)).toEqual([undefined, `bytes=${half}-`]);
    expect((await readdir(library.directory)).filter((file) => file.startsWith("tiny"))).toEqual(["tiny.gguf"]);
  });
});

describe("a pull on the command line", { timeout: 20_000 }, () => {
  it("that is interrupted says that it can go on, and ends with 130", async () => {
    const { url } = await hub(hold);
    const library = await openTestLibrary({ hub: url, models: [known] });
    const child = startPull(library.directory, url);
    await untilSize(join(library.directory, "tiny.gguf.part"), half);
    child.kill("SIGINT");
    expect((await child.ended)[0]).toBe(130);
    expect(child.lines()).toContain("interrupted; the same command goes on where it was");
    expect((await readdir(library.directory)).filter((file) => file.startsWith("tiny"))).toEqual([
      "tiny.gguf.part",
      "tiny.gguf.resume.part",
    ]);
  });
});

describe("two pulls of one file", { timeout: 20_000 }, () => {
  it("are one: one request, both end, and the catalog says that it is being pulled", async () => {
    const held: Exchange[] = [];
    const { url, requests } = await hub((exchange) => held.push(exchange) && hold(exchange));
    const library = await openTestLibrary({ hub: url, models: [known] });
    const both = [library.pull("tiny", never), library.pull("tiny.gguf", never)].map((steps) => Array.fromAsync(steps));
    await untilSize(join(library.directory, "tiny.gguf.part"), half);
    expect(library.catalog()[0]?.state).toBe(ModelState.PULLING);
    held[0]?.response.end(bytes.subarray(half));
    for (const steps of await Promise.all(both)) expect(steps.at(-1)?.phase).toBe(PullPhase.DONE);
    expect(requests).toHaveLength(1);
  });

  it("go on when one watcher leaves, and stop when the last one has left", async () => {
    const held: Exchange[] = [];
    const { url } = await hub(
      (exchange) => held.push(exchange) && hold(exchange),
      (exchange) => held.push(exchange) && hold(exchange),
    );
    const library = await openTestLibrary({ hub: url, models: [known] });
    const [one, other] = [new AbortController(), new AbortController()];
    const first = Array.fromAsync(library.pull("tiny", one.signal));
    const second = Array.fromAsync(library.pull("tiny", other.signal));
    await untilSize(join(library.directory, "tiny.gguf.part"), half);
    one.abort();
    await expect(first).rejects.toThrow("the caller went away");
    expect(held[0]?.response.destroyed).toBe(false);
    const closed = once(held[0]!.response, "close");
    other.abort();
    await expect(second).rejects.toThrow("the caller went away");
    await closed;
  });

  it("are one across processes too", async () => {
    const held: Exchange[] = [];
    const { url, requests } = await hub((exchange) => held.push(exchange) && hold(exchange));
    const library = await openTestLibrary({ hub: url, models: [known] });
    const child = startPull(library.directory, url);
    await untilSize(join(library.directory, "tiny.gguf.part"), half);
    const steps = library.pull("tiny", never)[Symbol.asyncIterator]();
    expect((await steps.next()).value).toMatchObject({ source: "another process", bytesDone: BigInt(half) });
    held[0]?.response.end(bytes.subarray(half));
    await child.ended;
    expect(child.lines()).toContain("PULL_PHASE_DONE");
    for (let step = await steps.next(); step.done !== true; step = await steps.next())
      expect(step.value.source).toMatch(/^(another process)?$/);
    expect(requests).toHaveLength(1);
    expect(library.find("tiny")?.problem).toBe("");
  });

  it("wait for no process that is long gone", async () => {
    const directory = await temporaryFolder();
    const { url } = await hub();
    const library = await openTestLibrary({ directory, hub: url, models: [known] });
    const lock = join(directory, "tiny.gguf.lock");
    await writeFile(lock, JSON.stringify({ pid: 2 ** 22 + 1, host: hostname(), token: "gone" }));
    await Array.fromAsync(library.pull("tiny", never));
    await expect(readFile(lock)).rejects.toThrow("ENOENT");
    expect(basename(library.find("tiny")?.path ?? "")).toBe("tiny.gguf");
  });
});
