import OpenAI, { type APIError } from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestServer, type TestServer } from "./test-server.ts";
import { scriptedModels, scriptedUpstreams } from "./upstream/scenes.ts";
import { startUpstream, type ScriptedUpstream } from "./upstream/upstream.ts";

// A client asks one Parley, which asks another over gRPC, which asks an upstream: two hops must tell the truth as one does.

let upstream: ScriptedUpstream;
let edge: TestServer;
let front: TestServer;
let openai: OpenAI;
beforeAll(async () => {
  upstream = await startUpstream({ models: scriptedModels });
  edge = await startTestServer({ config: scriptedUpstreams(upstream.url) });
  const config = {
    upstreams: [{ name: "edge", kind: "parley", baseUrl: `127.0.0.1:${edge.port}` }],
    routes: [
      {
        model: "spare",
        targets: [
          { upstream: "edge", model: "openai/limited" },
          { upstream: "edge", model: "anthropic/text" },
        ],
      },
      { model: "first", targets: [{ upstream: "edge", model: "openai/key" }, { upstream: "echo" }] },
    ],
  };
  front = await startTestServer({ config });
  openai = new OpenAI({ baseURL: `${front.url}/v1`, apiKey: "none", maxRetries: 0 });
});
afterAll(async () => {
  await front.close();
  await edge.close();
  await upstream.close();
});

const messages = [{ role: "user" as const, content: "hello" }];

/** The error with which a chat fails. */
async function failed(model: string, stream = false): Promise<APIError> {
  const read = async () => {
    if (stream) for await (const _ of await openai.chat.completions.create({ model, messages, stream }));
    else await openai.chat.completions.create({ model, messages });
  };
  return (await read().catch((error: unknown) => error)) as APIError;
}

describe("a Parley behind a Parley", () => {
  it("answers whole and as a stream, under the name that was asked for", async () => {
    const model = "edge/anthropic/text";
    const whole = await openai.chat.completions.create({ model, messages });
    expect(whole).toMatchObject({ model, choices: [{ message: { content: "one two three" } }], usage: { completion_tokens: 3 } });
    const streamed = await openai.chat.completions.stream({ model, messages }).finalChatCompletion();
    expect(streamed.choices[0]?.message.content).toBe("one two three");
  });

  it("calls tools", async () => {
    const tools = [{ type: "function" as const, function: { name: "weather", parameters: { type: "object", properties: {} } } }];
    const { choices } = await openai.chat.completions.create({ model: "edge/anthropic/calls", messages, tools });
    expect(choices[0]).toMatchObject({ finish_reason: "tool_calls", message: { tool_calls: [{ id: "call_a" }, { id: "call_b" }] } });
  });

  it("embeds", async () => {
    const { data } = await openai.embeddings.create({ model: "edge/openai/vectors", input: ["a", "b"] });
    expect(data.map(({ embedding }) => embedding.length)).toEqual([4, 4]);
  });

  it("lists what it serves", async () => {
    const ids = (await openai.models.list()).data.map(({ id }) => id);
    expect(ids).toEqual(expect.arrayContaining(["edge/openai/m"]));
  });

  it("leaves a caller's fault a caller's, and takes the operator's on itself", async () => {
    expect(await failed("edge/openai/invalid")).toMatchObject({ status: 400 });
    expect(await failed("edge/openai/key")).toMatchObject({ status: 502, code: "provider_error" });
    const limited = await failed("edge/openai/limited");
    expect([limited.status, limited.headers?.get("retry-after")]).toEqual([429, expect.stringMatching(/^(29|3[0-7])$/u)]);
  });

  it("breaks off where the upstream does, with an error and what was said before", async () => {
    expect(await failed("edge/openai/broken", true)).toMatchObject({ code: "provider_truncated" });
  });

  it("is left for another target when it cannot", async () => {
    const { data, response } = await openai.chat.completions.create({ model: "first", messages }).withResponse();
    expect(data.choices[0]?.message.content).toBe("hello");
    expect([response.headers.get("x-parley-provider"), response.headers.get("x-parley-fallback")]).toEqual(["echo", "true"]);
    const spare = await openai.chat.completions.create({ model: "spare", messages }).withResponse();
    expect(spare.data.choices[0]?.message.content).toBe("one two three");
    expect(spare.response.headers.get("x-parley-model")).toBe("anthropic/text");
  });

  it("stops the upstream two hops away when the client goes", async () => {
    for (const stream of [true, false]) {
      const controller = new AbortController();
      const number = upstream.requests.length + 1;
      const asked = openai.chat.completions.create({ model: "edge/ollama/endless", messages, stream }, { signal: controller.signal });
      const left = (async () => {
        const answer = await asked;
        if (Symbol.asyncIterator in answer) for await (const _ of answer);
      })().catch(() => "left");
      await upstream.held(number);
      controller.abort();
      expect(await upstream.closed(number)).toMatchObject({ byClient: true });
      expect(await left).toBe("left");
    }
  });
});
