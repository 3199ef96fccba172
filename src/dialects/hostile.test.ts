import { anything, array, assert, constantFrom, dictionary, jsonValue, oneof, property, string, type Arbitrary } from "fast-check";
import { toBinary } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { ChatEventSchema, type ChatEvent } from "../../gen/parley/v1/chat_pb.ts";
import { fault, reasonOf } from "../core/reasons.ts";
import { randomRequest } from "../testing/random-request.ts";
import { userRequest } from "../testing/sample-request.ts";
import { seededDraw } from "../testing/seeded-random.ts";
import { anthropicDialect } from "./anthropic/upstream/dialect.ts";
import { ollamaDialect } from "./ollama/upstream/dialect.ts";
import type { UpstreamDialect } from "./upstream-dialect.ts";

const asked = { provider: "p", model: "m", isCallersKey: false };
const request = userRequest("hi", { model: "m" });

/** What a thing makes, or that it throws what may leave the process. */
function soundly(act: () => unknown): boolean {
  try {
    act();
    return true;
  } catch (error) {
    return error instanceof ConnectError && reasonOf(error) !== "internal";
  }
}

/** That events can leave the process: their numbers fit, and their text is well-formed. */
function written(events: readonly ChatEvent[]): void {
  for (const event of events) toBinary(ChatEventSchema, event);
}

/** Objects that are nearly what a format has: its names, and anything below them. */
function nearly(names: readonly string[], words: readonly unknown[]): Arbitrary<unknown> {
  const leaf = oneof(constantFrom(...words), jsonValue());
  const level = (below: Arbitrary<unknown>) =>
    dictionary(constantFrom(...names), oneof(below, array(below, { maxLength: 3 })), { maxKeys: 8 });
  return level(oneof(leaf, level(oneof(leaf, level(leaf)))));
}

const formats: readonly (readonly [string, UpstreamDialect, Arbitrary<unknown>])[] = [
  [
    "Anthropic",
    anthropicDialect({ kind: "anthropic", quirks: {} }),
    nearly(
      [
        "type",
        "index",
        "delta",
        "content_block",
        "message",
        "usage",
        "error",
        "content",
        "text",
        "thinking",
        "signature",
        "data",
        "id",
        "name",
        "input",
        "partial_json",
        "stop_reason",
        "stop_details",
        "input_tokens",
      ],
      [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
        "error",
        "text",
        "text_delta",
        "tool_use",
        "input_json_delta",
        "thinking",
        "thinking_delta",
        "redacted_thinking",
        "refusal",
        0,
        1,
        -1,
        1e300,
      ],
    ),
  ],
  [
    "Ollama",
    ollamaDialect({ kind: "ollama", quirks: {} }),
    nearly(
      [
        "message",
        "content",
        "thinking",
        "tool_calls",
        "function",
        "name",
        "arguments",
        "id",
        "done",
        "done_reason",
        "response",
        "logprobs",
        "token",
        "logprob",
        "bytes",
        "top_logprobs",
        "error",
        "status",
        "prompt_eval_count",
        "eval_duration",
        "embeddings",
        "models",
      ],
      [true, false, "stop", "length", "a", 0, -1, 1e300, 429],
    ),
  ],
];

describe.each(formats)("whatever an upstream that speaks like %s sends", (_, dialect, frames) => {
  it("in a stream is read, or refused as its fault", () => {
    const events = constantFrom("", "error", "ping", "content_block_delta");
    const read = (lines: readonly (readonly [string, unknown])[]) =>
      soundly(() => {
        const reader = dialect.reader(request, asked);
        for (const [event, frame] of lines)
          written(reader.read({ event, data: typeof frame === "string" ? frame : JSON.stringify(frame) }));
        written(reader.end());
      });
    const line = oneof(frames, string(), jsonValue());
    assert(
      property(array(oneof({ arbitrary: frames, weight: 4 }, line), { maxLength: 8 }), events, (each, event) =>
        read(each.map((frame) => [event, frame])),
      ),
    );
  });

  it("whole, as models, as vectors or as a refusal is read, or refused as its fault", () => {
    const read = (body: unknown, text: string) =>
      soundly(() => written(dialect.whole(body, request, asked))) &&
      soundly(() => dialect.models(body, "p")) &&
      soundly(() => dialect.embed?.read(body, { inputs: [{}] } as never, asked)) &&
      [body, text].every(
        (said) => dialect.errorOf({ status: 400, headers: {}, body: JSON.stringify(said) }, asked, 0) instanceof ConnectError,
      );
    assert(
      property(oneof(frames, anything()), string(), (body, text) =>
        read(body === undefined ? null : JSON.parse(JSON.stringify(body) ?? "null"), text),
      ),
    );
  });

  it("or is asked: a request becomes a body of JSON, or is refused by its field", () => {
    for (let seed = 1; seed <= 500; seed++) {
      const draw = seededDraw(seed);
      const random = randomRequest("m", draw);
      expect(
        soundly(() => JSON.stringify(dialect.chat(random, { isStream: true }).body)),
        `seed ${seed}`,
      ).toBe(true);
    }
  });
});

it("what is no fault of anybody's would be seen", () => {
  expect([
    soundly(() => (undefined as never as string).length),
    soundly(() => {
      throw fault("internal", "x");
    }),
  ]).toEqual([false, false]);
});
