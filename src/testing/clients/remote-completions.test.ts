import OpenAI, { APIError, RateLimitError } from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestServer, type TestServer } from "../test-server.ts";
import { scriptedModels } from "../upstream/scenes.ts";
import type { Turn } from "../upstream/turn.ts";
import { startUpstream, type ScriptedUpstream } from "../upstream/upstream.ts";

// Prompts that no template changes, through Parley to upstreams that take them, and to those that do not.

const tokens: Turn = { answer: { logprobs: true } };
let upstream: ScriptedUpstream;
let server: TestServer;
let openai: OpenAI;
beforeAll(async () => {
  upstream = await startUpstream({ models: { ...scriptedModels, tokens } });
  const kinds = ["vllm", "llama-server", "openai", "anthropic", "ollama"];
  const upstreams = kinds.map((kind) => ({ name: kind, kind, baseUrl: upstream.url, apiKeys: ["sk-scripted"] }));
  server = await startTestServer({ config: { upstreams } });
  openai = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "none", maxRetries: 0 });
});
afterAll(async () => {
  await server.close();
  await upstream.close();
});

const prompt = "Once upon";
const failure = (body: object) =>
  openai.completions.create({ prompt, ...body } as OpenAI.CompletionCreateParamsNonStreaming).catch((error: unknown) => error);

describe("the OpenAI client's completions", () => {
  it("go to an upstream's own, whole and streamed", async () => {
    const { choices, usage } = await openai.completions.create({ model: "vllm/text", prompt, max_tokens: 9 });
    expect(choices).toEqual([{ text: "one two three", index: 0, logprobs: null, finish_reason: "stop" }]);
    expect(usage).toMatchObject({ prompt_tokens: 7, completion_tokens: 3 });
    expect(upstream.requests.at(-1)).toMatchObject({ path: "/v1/completions", body: { model: "text", prompt, max_tokens: 9 } });
    let text = "";
    for await (const chunk of await openai.completions.create({ model: "vllm/text", prompt, stream: true }))
      text += chunk.choices[0]?.text ?? "";
    expect(text).toBe("one two three");
  });

  it("tell probabilities and the prompt as the upstream does, and send tokens where it takes them", async () => {
    const { choices } = await openai.completions.create({ model: "vllm/tokens", prompt, logprobs: 1 });
    expect(choices[0]?.logprobs).toMatchObject({ tokens: ["one", " two", " three"], text_offset: [0, 3, 7] });
    const echo = await openai.completions.create({ model: "vllm/text", prompt, echo: true });
    expect(echo.choices[0]?.text).toBe("Once uponone two three");
    await openai.completions.create({ model: "vllm/text", prompt: [3, 4] });
    expect(upstream.requests.at(-1)?.body["prompt"]).toEqual([3, 4]);
  });

  it("ask once a prompt, and tell one answer", async () => {
    const before = upstream.requests.length;
    const { choices, usage } = await openai.completions.create({ model: "vllm/text", prompt: ["a", "b", "c"] });
    expect(choices.map(({ index, text }) => [index, text])).toEqual([0, 1, 2].map((index) => [index, "one two three"]));
    expect(usage?.total_tokens).toBe(30);
    expect(
      upstream.requests
        .slice(before)
        .map(({ body }) => String(body["prompt"]))
        .toSorted((a, b) => a.localeCompare(b)),
    ).toEqual(["a", "b", "c"]);
  });

  it.each([
    ["openai/text", {}, "prompt"],
    ["anthropic/text", {}, "prompt"],
    ["ollama/text", { echo: true }, "echo"],
    ["llama-server/text", { echo: true }, "echo"],
    ["vllm/text", { suffix: "end" }, "suffix"],
  ])("are refused by name where %s cannot: %j", async (model, more, param) => {
    expect(await failure({ model, ...more })).toMatchObject({ status: 400, code: "unsupported_parameter", param });
  });

  it("throw before the start with the upstream's own status, and after it with what was said before", async () => {
    expect(await failure({ model: "vllm/limited" })).toBeInstanceOf(RateLimitError);
    const stream = await openai.completions.create({ model: "vllm/broken", prompt, stream: true });
    let text = "";
    const read = async () => {
      for await (const { choices } of stream) text += choices[0]?.text ?? "";
    };
    const error = await read().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(APIError);
    expect([(error as APIError).code, text]).toEqual(["provider_truncated", expect.stringMatching(/^0 1 /u)]);
  });
});
