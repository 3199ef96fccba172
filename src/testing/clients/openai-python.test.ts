import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { realModel } from "../real-model.ts";
import { realModelId, startTestServer, type TestServer } from "../test-server.ts";
import { describeWith, pythonPath, run } from "../tools.ts";
import { scriptedModels } from "../upstream/scenes.ts";
import { startUpstream, type ScriptedUpstream } from "../upstream/upstream.ts";

const script = join(import.meta.dirname, "..", "python", "openai_api.py");
const path = await realModel();

/** An interpreter that reads all of a client takes seconds where the machine is busy. */
const checkMs = 60_000;

async function check(server: TestServer, name: string, model: string): Promise<unknown> {
  const ended = await run(pythonPath(), [script, server.url, name, model]);
  expect(ended).toMatchObject({ exitCode: 0, stderr: "" });
  return JSON.parse(ended.stdout);
}

describeWith("python", "OpenAI's Python client, through Parley to an upstream", () => {
  let upstream: ScriptedUpstream;
  let server: TestServer;
  beforeAll(async () => {
    upstream = await startUpstream({ models: scriptedModels, ids: ["text", "shape"] });
    server = await startTestServer({ config: { upstreams: [{ name: "vllm", kind: "vllm", baseUrl: upstream.url }] } });
  });
  afterAll(async () => {
    await server.close();
    await upstream.close();
  });

  it.each<[string, string, string, unknown]>([
    ["gets a chat, whole and streamed", "chat", "vllm/text", ["one two three", true, true, "stop"]],
    ["gets an answer of the shape that it asked for", "parsed", "vllm/shape", ["str", "str"]],
    ["gets what follows prompts", "completions", "vllm/text", ["one two three", true, [0, 1]]],
    ["finds every answer to be what its models say, strictly", "strict", "vllm/text", []],
  ])("%s", async (_name, ...[how, model, expected]) => expect(await check(server, how, model)).toEqual(expected), checkMs);
});

describeWith("python", `OpenAI's Python client and SmolLM2-135M-Instruct${path === undefined ? " (skipped: no model)" : ""}`, () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({ modelsDirectory: dirname(path ?? ""), load: { sequences: 2, contextLength: 1024 } });
  }, checkMs);
  afterAll(() => server.close());

  const paris = expect.stringContaining("Paris");
  it.skipIf(path === undefined).each<[string, string, unknown]>([
    ["chat, whole and streamed", "chat", [paris, true, true, "stop"]],
    ["make what a model of pydantic describes", "parsed", ["str", "str"]],
    ["go on with prompts", "completions", [paris, true, [0, 1]]],
    ["speak strictly as the client's models say", "strict", []],
  ])("%s", async (_name, ...[how, expected]) => expect(await check(server, how, realModelId)).toEqual(expected), checkMs);
});
