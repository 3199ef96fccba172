import { create, toBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { anyPack, durationFromMs } from "@bufbuild/protobuf/wkt";
import type { ChatEvent } from "../../gen/parley/v1/chat_pb.ts";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { StatusSchema } from "../../gen/google/rpc/status_pb.ts";
import type { Call } from "../core/context.ts";
import type { Provider } from "../core/ports.ts";
import { testContext } from "./call-context.ts";
import { testParleys } from "./parley-provider.ts";
import { userRequest } from "./sample-request.ts";
import { PlayedError, startScriptedParley, type Play, type PlayedMessage, type ScriptedParley } from "./upstream/parley.ts";

type Given = Partial<Parameters<typeof testParleys>[0]>;

/** A scripted Parley and what asks it. */
export interface PlayedParley {
  readonly other: ScriptedParley;
  readonly providers: readonly Provider[];
  /** The first of them. */
  readonly provider: Provider;
  close(): Promise<void>;
}

/** Starts one that answers as told. */
export async function playedParley(play: Play, given: Given = {}, options: Parameters<typeof testParleys>[1] = {}): Promise<PlayedParley> {
  const other = await startScriptedParley(play);
  const providers = testParleys({ baseUrl: `127.0.0.1:${other.port}`, ...given }, options);
  const [provider] = providers;
  if (provider === undefined) throw new Error("there is no provider");
  return {
    other,
    providers,
    provider,
    async close() {
      await Promise.all(providers.map((each) => each.close()));
      other.close();
    },
  };
}

const hi = userRequest("hi", { model: "m" });

/** Asks it for a chat; read as it comes unless told otherwise. */
export function askPlayed(provider: Provider, call: Partial<Call> = {}, isWhole = false): AsyncIterable<ChatEvent> {
  return provider.generate(hi, { ...testContext(hi, call), isWhole });
}

/** A piece of text. */
export function playedText(text: string, choice = 0): PlayedMessage {
  return { text: { text, choice } };
}

/** The other messages of a stream, each once. */
export const played = {
  accepted: { sequence: 0, accepted: { id: "x", model: "m" } },
  started: { sequence: 1, started: { provider: "openai", model: "gpt", attempt: 3, is_fallback: true, answer_model: "other" } },
  finished: { finished: { choice: 0, reason: "FINISH_REASON_STOP" } },
  completed: {
    completed: {
      usage: { prompt_tokens: 3, completion_tokens: 2, source: "USAGE_SOURCE_PROVIDER" },
      served_by: { provider: "openai", attempts: 3 },
      timings: { queue_ms: 4, total_ms: 9 },
    },
  },
} as const satisfies Readonly<Record<string, PlayedMessage>>;

/** A whole stream. */
export const playedAnswer: readonly PlayedMessage[] = [
  played.accepted,
  played.started,
  playedText("a"),
  playedText("b"),
  played.finished,
  played.completed,
];

/** A status with a reason, as Parley gives it. */
export function playedFault(
  code: number,
  message: string,
  given: MessageInitShape<typeof ErrorInfoSchema> & { readonly retryMs?: number },
  fieldViolations: readonly { readonly field: string; readonly description: string }[] = [],
): PlayedError {
  const { retryMs, ...info } = given;
  const details = [anyPack(ErrorInfoSchema, create(ErrorInfoSchema, { domain: "parley.v1", ...info }))];
  if (retryMs !== undefined) details.push(anyPack(RetryInfoSchema, create(RetryInfoSchema, { retryDelay: durationFromMs(retryMs) })));
  if (fieldViolations.length > 0)
    details.push(anyPack(BadRequestSchema, create(BadRequestSchema, { fieldViolations: [...fieldViolations] })));
  return new PlayedError(code, message, Buffer.from(toBinary(StatusSchema, create(StatusSchema, { code, message, details }))));
}
