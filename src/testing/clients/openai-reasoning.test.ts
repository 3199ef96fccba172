import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { startTestServer, type TestServer } from "../test-server.ts";

// A model is loaded, and the machine may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

/** A template that opens thinking, and repeats what was thought before. */
const chatTemplate =
  "{% for message in messages %}{{ message.role }}: {% if message.reasoning_content %}<think>{{ message.reasoning_content }}</think>{% endif %}{{ message.content }}\n{% endfor %}" +
  "{% if add_generation_prompt %}assistant: <think>\n{% endif %}";

let server: TestServer;
let openai: OpenAI;
beforeAll(async () => {
  server = await startTestServer({ models: { thinker: { chatTemplate } }, load: { sequences: 2, contextLength: 512 } });
  openai = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "none", maxRetries: 0 });
});
afterAll(() => server.close());

interface Thought {
  readonly content?: string | null;
  readonly reasoning_content?: string;
}

describe("thinking, for the OpenAI client", () => {
  const body = {
    model: "thinker",
    messages: [{ role: "user" as const, content: "go" }],
    max_tokens: 40,
    seed: 3,
    thinking_token_budget: 8,
  };

  it("stands beside the answer, and is counted", async () => {
    const { choices, usage } = await openai.chat.completions.create(body);
    const message: Thought = choices[0]!.message;
    expect(message.reasoning_content?.length).toBeGreaterThan(0);
    expect(message.content?.length).toBeGreaterThan(0);
    expect(`${message.reasoning_content}${message.content}`).not.toContain("think>");
    expect(usage?.completion_tokens_details?.reasoning_tokens).toBe(8);
  });

  it("comes first in a stream, piece by piece", async () => {
    const deltas: Thought[] = [];
    for await (const { choices } of await openai.chat.completions.create({ ...body, stream: true }))
      if (choices[0] !== undefined) deltas.push(choices[0].delta);
    const lastThought = deltas.findLastIndex((delta) => delta.reasoning_content !== undefined);
    const firstText = deltas.findIndex(({ content }) => content !== undefined && content !== null && content !== "");
    expect(deltas.filter((delta) => delta.reasoning_content !== undefined).length).toBeGreaterThan(2);
    expect(lastThought).toBeLessThan(firstText);
  });

  it("is given back to the model", async () => {
    const turn = (thought: string) =>
      openai.chat.completions.create({
        ...body,
        temperature: 0,
        messages: [
          ...body.messages,
          { role: "assistant", content: "well", reasoning_content: thought } as OpenAI.ChatCompletionAssistantMessageParam,
          { role: "user", content: "and?" },
        ],
      });
    const [one, longer] = await Promise.all([turn("hm"), turn("hm, that is a long thought")]);
    expect(longer.usage!.prompt_tokens).toBeGreaterThan(one.usage!.prompt_tokens);
  });
});
