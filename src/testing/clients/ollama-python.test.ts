import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { sha256Of } from "../model-hub.ts";
import { describeWithRealModel } from "../real-model.ts";
import { sharedFolder } from "../temporary-folder.ts";
import { startTestServer, type TestServer } from "../test-server.ts";
import { writeTinyBert } from "../tiny-bert.ts";
import { tinyGguf, writeTinyGguf } from "../tiny-gguf.ts";
import { describeWith, missing, pythonPath, run } from "../tools.ts";
import { scriptedModels, scriptedUpstreams } from "../upstream/scenes.ts";
import { startUpstream, type ScriptedUpstream } from "../upstream/upstream.ts";

const script = join(import.meta.dirname, "..", "python", "ollama_clients.py");

type Check = readonly [name: string, words: string, expected: unknown];

const said = "one two three";
const cold = ["cold in Oslo", "cold in Rome"];
const pulled = ["success", true, true];

const checks: readonly Check[] = [
  ["embeds as much of a text as the model reads, loads a model for a while, and unloads it", "local:", [8, [400, true], true, false]],
  [
    "pulls a model of the catalog, lists and shows it, asks it, and deletes it",
    "managed:",
    [pulled, ["llama", "llama", ["completion", "tools"], true], ["length", 3], ["success", false]],
  ],
  ["raises its own class for what is not done here, and for a model that is nowhere", "refused:", [501, 501, 501, 404]],
  ["embeds by OpenAI, in both ways", "embed:openai", [[4, 4], true]],
  ["embeds by Ollama, in both ways", "embed:ollama", [[4, 4], true]],
  ...["openai", "anthropic", "ollama"].flatMap((kind): Check[] => [
    [`gets text of ${kind}, whole and streamed`, `text:${kind}`, [[said, "stop", true, 3], [said, true, 3], [said, true], said]],
    [`reads a stream of ${kind} asynchronously`, `asynchronous:${kind}`, said],
    [`has its functions called by ${kind}, several at once`, `calls:${kind}`, [cold, ["Oslo", "Rome"], said]],
    [`gets an answer of the shape that it asked for of ${kind}`, `shape:${kind}`, "Oslo"],
    [`raises its own class for errors of ${kind}, before the start and after it`, `errors:${kind}`, [400, 429, true, true]],
  ]),
  ["leaves a stream", "left:openai", true],
];

/** An interpreter that reads all of a client takes seconds where the machine is busy. */
const runMs = 120_000;

async function shown(url: string, words: readonly string[]): Promise<Record<string, unknown>> {
  const ended = await run(pythonPath(), [script, url, ...words]);
  expect(ended).toMatchObject({ exitCode: 0, stderr: "" });
  return JSON.parse(ended.stdout) as Record<string, unknown>;
}

describeWith("pythonOllama", "Ollama's client for Python", () => {
  const folder = sharedFolder();
  let upstream: ScriptedUpstream;
  let server: TestServer;
  let told: Record<string, unknown>;
  beforeAll(async () => {
    upstream = await startUpstream({ models: scriptedModels });
    const [models, mirror] = [join(folder, "models"), join(folder, "mirror")];
    for (const each of [models, mirror]) await mkdir(each);
    const bytes = tinyGguf({ seed: 5 });
    await writeFile(join(mirror, "small.gguf"), bytes);
    const small = { id: "small", title: "Small", licence: "MIT", file: "small.gguf", purpose: "chat", tried: true };
    const sources = [{ hub: "owner/name", revision: "main", path: small.file }];
    const catalog = { default: "small", models: [{ ...small, sizeBytes: bytes.length, sha256: sha256Of(bytes), sources }] };
    await writeFile(join(models, "catalog.json"), JSON.stringify(catalog));
    await writeTinyGguf(join(models, "tiny.gguf"));
    await writeTinyBert(join(models, "encoder.gguf"));
    const environment = { LLM_MODEL_MIRROR: mirror, HF_ENDPOINT: "https://127.0.0.1:9" };
    server = await startTestServer({ modelsDirectory: models, environment, config: scriptedUpstreams(upstream.url) });
    told = await shown(
      server.url,
      checks.map(([, words]) => words),
    );
  }, runMs);
  afterAll(async () => {
    await server.close();
    await upstream.close();
  });

  it.each(checks)("%s", (_name, words, expected) => expect(told[words]).toEqual(expected));

  it("stops the upstream when it leaves", async () => {
    const number = upstream.requests.findLast((request) => request.model === "endless")?.number ?? 0;
    expect(await upstream.closed(number)).toMatchObject({ byClient: true });
  });
});

await describeWithRealModel("Ollama's client for Python and the real SmolLM2-135M-Instruct", (path) => {
  it.skipIf(missing.pythonOllama !== undefined)(
    "knows Paris, whole and streamed in the same words, answers in a shape, and tells logprobs",
    async () => {
      const server = await startTestServer({ modelsDirectory: dirname(path) });
      expect(await shown(server.url, ["real:"])).toEqual({ "real:": [true, true, ["city"], " Paris"] });
      await server.close();
    },
    runMs,
  );
});
