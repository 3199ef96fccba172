import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Writable } from "node:stream";
import { describe, expect, it, onTestFinished } from "vitest";
import { linkedHeaders, sendModel, sha256Of, startModelHub } from "../testing/model-hub.ts";
import { temporaryFolder } from "../testing/temporary-folder.ts";
import { tinyGguf } from "../testing/tiny-gguf.ts";
import { modelsCommand } from "./models.ts";

const bytes = tinyGguf();

function sink() {
  const chunks: string[] = [];
  const stream = new Writable({ write: (chunk: Buffer, _, done) => (chunks.push(chunk.toString()), done()) });
  return { stream, text: () => chunks.join("") };
}

/** A command line on folders of its own, and a mirror with one file of the catalog. */
async function commandLine(variables: Readonly<Record<string, string>> = {}) {
  const folder = await temporaryFolder();
  const [directory, mirror] = [join(folder, "models"), join(folder, "mirror")];
  for (const each of [directory, mirror]) await mkdir(each);
  await writeFile(join(mirror, "Qwen3-0.6B-Q8_0.gguf"), bytes);
  const environment = { LLM_MODEL_MIRROR: mirror, LLM_MODELS_DIR: directory, LLM_DATA_DIR: join(folder, "data"), ...variables };
  return {
    directory,
    run: async (...args: string[]) => {
      const [out, err] = [sink(), sink()];
      let exitCode: number | undefined;
      const command = modelsCommand({ variables: environment, out: out.stream, err: err.stream }, (code) => (exitCode = code));
      await command.parseAsync(args, { from: "user" });
      return { exitCode, out: out.text(), err: err.text() };
    },
  };
}

describe("parley models", () => {
  it("pulls, lists, describes and deletes a model of the catalog", async () => {
    const { run } = await commandLine();
    const pulled = await run("pull", "qwen3-0.6b");
    expect(pulled.exitCode).toBe(0);
    expect(pulled.err).toMatch(/^qwen3-0\.6b: asking the mirror .*\n[^]*qwen3-0\.6b: on disk\n$/);
    expect(pulled.out).toContain(sha256Of(bytes));
    expect((await run("list")).out).toMatch(/^qwen3-0\.6b +on disk +\d+\.\d kB +2048 +chat +Apache-2\.0$/m);
    expect((await run("info", "Qwen3-0.6B-Q8_0.gguf")).out).toMatch(/^id +qwen3-0\.6b$/m);
    expect((await run("rm", "qwen3-0.6b")).out).toBe(`qwen3-0.6b is deleted: ${bytes.length} bytes are free again\n`);
    expect((await run("list")).out).toMatch(/^qwen3-0\.6b +can be pulled/m);
  });

  it("shows control characters of file names, which a terminal would obey", async () => {
    const { run, directory } = await commandLine();
    await writeFile(join(directory, "a\u001b[2J\u202eb\nc.gguf"), bytes);
    const { out } = await run("list");
    expect(out).toMatch(/^a\\u001b\[2J\\u202eb\\u000ac +broken/m);
    for (const raw of ["\u001b", "\u202e"]) expect(out).not.toContain(raw);
  });

  it("speaks JSON in the contract's messages, one a line while it pulls", async () => {
    const { run } = await commandLine();
    const lines = (await run("pull", "qwen3-0.6b", "--json")).out.trim().split("\n");
    expect(JSON.parse(lines.at(-1) ?? "")).toMatchObject({
      model: "qwen3-0.6b",
      phase: "PULL_PHASE_DONE",
      bytesDone: String(bytes.length),
    });
    const { models } = JSON.parse((await run("list", "--json")).out) as { models: unknown[] };
    expect(models[0]).toMatchObject({
      id: "qwen3-0.6b",
      state: "MODEL_STATE_ON_DISK",
      provider: "llama-cpp",
      sizeBytes: String(bytes.length),
    });
    expect(JSON.parse((await run("info", "qwen3-1.7b", "--json")).out)).toMatchObject({
      state: "MODEL_STATE_CATALOG",
      provider: "llama-cpp",
    });
    expect(JSON.parse((await run("rm", "qwen3-0.6b", "--json")).out)).toEqual({ freedBytes: String(bytes.length) });
  });

  it("pulls any file of the hub, and describes it by its file name", async () => {
    const hub = await startModelHub((exchange) => sendModel(exchange, bytes, { headers: linkedHeaders(bytes) }));
    onTestFinished(() => hub.close());
    const { run } = await commandLine({ HF_ENDPOINT: hub.url });
    const { out, exitCode } = await run("pull", "hf:owner/repo/mine.gguf");
    expect(exitCode).toBe(0);
    expect(out).toMatch(/^id +mine$/m);
  });

  it("says what is wrong with a broken file", async () => {
    const { run, directory } = await commandLine();
    await writeFile(join(directory, "cut.gguf"), bytes.subarray(0, bytes.length - 100));
    expect((await run("info", "cut")).out).toMatch(/^problem +it is not whole: \d+ of \d+ bytes are here; /m);
  });

  it.each([
    [["info", "nobody"], 'no model on disk or in the catalog is called "nobody"'],
    [["rm", "../etc/passwd"], 'no model on disk answers to "../etc/passwd"'],
    [["pull", "nobody"], 'the catalog has no model "nobody"'],
    [["pull", "hf:nothing"], "must be hf:owner/repo/file.gguf"],
  ])("%j fails with a sentence", async (args, message) => {
    const { run } = await commandLine();
    await expect(run(...args)).rejects.toThrow(message);
  });
});
