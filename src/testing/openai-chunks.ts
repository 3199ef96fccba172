import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ChatEvent, ChatRequestSchema } from "../../gen/parley/v1/chat_pb.ts";
import { reasonOf } from "../core/reasons.ts";
import { openaiDialect } from "../dialects/openai/upstream/dialect.ts";
import type { AnswerReader, UpstreamFrame } from "../dialects/upstream-dialect.ts";
import { userRequest } from "./sample-request.ts";
import { readAll } from "./split-frames.ts";

// Answers of an upstream that speaks OpenAI's format, chunk by chunk.

type More = MessageInitShape<typeof ChatRequestSchema>;

const lan = openaiDialect({ kind: "lan", quirks: {} });
const asked = { provider: "upstream", model: "there", isCallersKey: false };
const request = (more: More) => userRequest("Hello", { model: "there", ...more });

/** A chunk with these choices. */
export function chunk(...choices: readonly Readonly<Record<string, unknown>>[]): string {
  return JSON.stringify({ object: "chat.completion.chunk", choices });
}

/** A chunk in which the first choice says something. */
export function delta(said: object, more: object = {}): string {
  return chunk({ index: 0, delta: said, finish_reason: null, ...more });
}

/** A chunk with which the first choice ends. */
export function finish(reason = "stop"): string {
  return chunk({ index: 0, delta: {}, finish_reason: reason });
}

/** Data as frames without names. */
export function frames(data: readonly string[]): UpstreamFrame[] {
  return data.map((each) => ({ event: "", data: each }));
}

/** A reader of an upstream of no particular kind. */
export function lanReader(more: More = {}): AnswerReader {
  return lan.reader(request(more), asked);
}

/** Everything that is read of a stream of these data. */
export function read(data: readonly string[], more: More = {}): ChatEvent[] {
  return readAll(lanReader(more), frames(data));
}

/** Everything that is read of an answer that came whole. */
export function readWhole(body: unknown, more: More = {}): readonly ChatEvent[] {
  return lan.whole(body, request(more), asked);
}

/** The reason of the fault that work throws; empty when it throws none. */
export function reasonThrown(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return reasonOf(error);
  }
  return "";
}
