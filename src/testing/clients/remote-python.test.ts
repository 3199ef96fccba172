import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startTestServer, type TestServer } from "../test-server.ts";
import { describeWith, pythonPath, run } from "../tools.ts";
import { scriptedModels, scriptedUpstreams } from "../upstream/scenes.ts";
import { startUpstream, type ScriptedUpstream } from "../upstream/upstream.ts";

/** Seconds that were said to be 30, and may be told a tenth longer. */
const aboutThirty = expect.stringMatching(/^3[0-3]$/u) as unknown;

const root = join(import.meta.dirname, "..", "..", "..");
const script = join(import.meta.dirname, "..", "python", "remote.py");

/** An interpreter that reads all of a client takes seconds where the machine is busy. */
const checkMs = 20_000;

describeWith("python", "Python's clients, through Parley to upstreams", () => {
  let upstream: ScriptedUpstream;
  let server: TestServer;
  let stubs: string;
  beforeAll(async () => {
    stubs = await mkdtemp(join(tmpdir(), "parley-stubs-"));
    const files = ["chat", "messages", "sampling", "usage"].map((name) => `parley/v1/${name}.proto`);
    const words = ["-m", "grpc_tools.protoc", `-I${join(root, "proto")}`, `--python_out=${stubs}`, `--grpc_python_out=${stubs}`, ...files];
    const direct = Object.fromEntries(Object.entries(scriptedModels).map(([name, turn]) => [`direct/${name}`, turn]));
    upstream = await startUpstream({ models: { ...scriptedModels, ...direct } });
    const [made, started] = await Promise.all([run(pythonPath(), words), startTestServer({ config: scriptedUpstreams(upstream.url) })]);
    server = started;
    expect(made).toMatchObject({ exitCode: 0 });
  }, 60_000);
  afterAll(async () => {
    await server.close();
    await upstream.close();
    await rm(stubs, { recursive: true });
  });

  const text = ["one two three", "stop"];
  const cities = ["Oslo", "Rome"];

  it.each<[string, string, unknown]>([
    ["text", "openai_text", [text, text]],
    ["tool calls", "openai_calls", [cities, cities]],
  ])(
    "openai understands the scripted upstream itself, which is therefore no twin of Parley: %s",
    async (_name, check, expected) => {
      const ended = await run(pythonPath(), [script, upstream.url, stubs, check, "direct"]);
      expect(ended).toMatchObject({ exitCode: 0, stderr: "" });
      expect(JSON.parse(ended.stdout)).toEqual(expected);
    },
    checkMs,
  );

  it.each<[string, string, string, unknown]>([
    ["openai gets text, whole and streamed, of OpenAI", "openai_text", "openai", [text, text]],
    ["openai gets text, whole and streamed, of Anthropic", "openai_text", "anthropic", [text, text]],
    ["openai gets text, whole and streamed, of Ollama", "openai_text", "ollama", [text, text]],
    ["openai gets tool calls, several at once, of OpenAI", "openai_calls", "openai", [cities, cities]],
    ["openai gets tool calls, several at once, of Anthropic", "openai_calls", "anthropic", [cities, cities]],
    ["openai gets an answer of the shape that it asked for", "openai_shape", "anthropic", { city: "Oslo" }],
    [
      "openai raises its own classes, before the start and after it",
      "openai_errors",
      "openai",
      [400, aboutThirty, "provider_truncated", true],
    ],
    ["openai embeds", "openai_embed", "ollama", [4, 4]],
    ["grpcio gets text, whole and streamed", "grpc_text", "anthropic", ["one two three", "one two three", "anthropic"]],
    ["grpcio gets tool calls, several at once", "grpc_calls", "openai", cities],
    ["grpcio is told errors, before the start and after it", "grpc_errors", "openai", ["RESOURCE_EXHAUSTED", "UNAVAILABLE", true]],
  ])(
    "%s",
    async (_name, check, ...given) => {
      const [name, expected] = given;
      const ended = await run(pythonPath(), [script, server.url, stubs, check, name]);
      expect(ended).toMatchObject({ exitCode: 0, stderr: "" });
      expect(JSON.parse(ended.stdout)).toEqual(expected);
    },
    checkMs,
  );
});
