import { Value } from "typebox/value";
import { expect, it } from "vitest";
import { ChatCompletionChunk } from "../../../dialects/openai/wire/chat-chunk.ts";
import { openDoors, saying } from "../../../testing/test-doors.ts";

it("a chat is answered with every key of OpenAI's that may be null, and none that may not without a value", async () => {
  const doors = await openDoors(saying("hi"));
  const body = JSON.stringify({ messages: [{ role: "user", content: "hello" }] });
  const response = await fetch(`${doors.url}/v1/chat/completions`, { method: "POST", body });
  expect(await response.json()).toEqual({
    id: "chatcmpl-1",
    object: "chat.completion",
    created: 1_700_000_000,
    model: "tiny",
    choices: [
      {
        index: 0,
        message: {
          role: "assistant",
          content: "hi",
          refusal: null,
          annotations: [],
          audio: null,
          function_call: null,
        },
        logprobs: null,
        finish_reason: "stop",
      },
    ],
    usage: {
      prompt_tokens: 3,
      completion_tokens: 1,
      total_tokens: 4,
      prompt_tokens_details: {},
      completion_tokens_details: {},
    },
    service_tier: null,
    system_fingerprint: "test/tiny",
    metadata: null,
    moderation: null,
  });
  await doors.close();
});

it("chunks of a chat have every key of theirs, and their deltas no null", async () => {
  const doors = await openDoors(saying("hi", " you"));
  const body = { messages: [{ role: "user", content: "hello" }], stream: true, stream_options: { include_usage: true } };
  const response = await fetch(`${doors.url}/v1/chat/completions`, { method: "POST", body: JSON.stringify(body) });
  const lines = (await response.text()).split("\n\n").filter((line) => line.startsWith("data: {"));
  const chunks = lines.map((line): unknown => JSON.parse(line.slice("data: ".length)));
  expect(chunks).toHaveLength(5);
  for (const chunk of chunks) {
    expect([...Value.Errors(ChatCompletionChunk, chunk)]).toEqual([]);
    expect(chunk).toMatchObject({ service_tier: null, system_fingerprint: "test/tiny", moderation: null });
    for (const { delta } of (chunk as ChatCompletionChunk).choices) expect(Object.values(delta)).not.toContain(null);
  }
  expect(chunks.slice(0, -1).every((chunk) => (chunk as ChatCompletionChunk).usage === null)).toBe(true);
  await doors.close();
});
