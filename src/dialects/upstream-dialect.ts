import type { ConnectError } from "@connectrpc/connect";
import type { ChatEvent, ChatRequest } from "../../gen/parley/v1/chat_pb.ts";
import type { EmbedRequest, EmbedResponse } from "../../gen/parley/v1/embeddings_pb.ts";
import type { Model } from "../../gen/parley/v1/models_pb.ts";
import type { FieldTable } from "../core/fields.ts";
import type { UpstreamSettings } from "../core/upstreams.ts";

// What a provider behind HTTP needs of the format it speaks: pure functions in both directions, no I/O.

/** A request as an upstream takes it. */
export interface UpstreamRequest {
  readonly method: "GET" | "POST";
  /** Below the base URL, with its leading slash. */
  readonly path: string;
  /** JSON; undefined: none. */
  readonly body: Readonly<Record<string, unknown>> | undefined;
  /** Of the dialect alone, such as a pinned version; names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
}

/** One frame of a stream: an event of SSE, or a line of NDJSON. */
export interface UpstreamFrame {
  /** The event's name; empty where there is none. */
  readonly event: string;
  readonly data: string;
}

/** Reads one answer, frame by frame. Content comes out as it goes in; `started` together with the first content. Nothing is mutated but the reader itself. */
export interface AnswerReader {
  /**
   * The events of a frame; none where it says nothing to a caller. Throws `provider_malformed` for what cannot be understood,
   * and the error of an error frame as `errorOf` would make it.
   */
  read(frame: UpstreamFrame): readonly ChatEvent[];
  /** Whether the answer is complete: all finish reasons were sent; a missing end mark is then no fault. */
  readonly isWhole: boolean;
  /** Whether its end mark came: nothing behind it is part of the answer, however long the body goes on. Absent: the format has none. */
  readonly hasEnded?: boolean;
  /** The last events (those held back, and `completed`), when the body has ended or its end mark came. Throws `provider_truncated` when the answer is not whole. */
  end(): readonly ChatEvent[];
}

/** What an answer that is no success looks like. */
export interface UpstreamFailure {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** As much of it as the limit allows. */
  readonly body: string;
}

/** Who is asked, for events and errors. */
export interface AskedUpstream {
  /** The upstream's name in the configuration. */
  readonly provider: string;
  /** The model's name there. */
  readonly model: string;
  /** Whether the key that was sent is the caller's own: a refusal of it is then the caller's to mend. */
  readonly isCallersKey: boolean;
  /** The key that was sent; nothing of what the upstream says of itself is told with it. */
  readonly key?: string | undefined;
}

/** What of an upstream's settings a dialect heeds; without a name, `provider_options` are found by the kind alone. */
export type DialectSettings = Pick<UpstreamSettings, "kind" | "quirks"> & Partial<Pick<UpstreamSettings, "name">>;

/** One format that upstreams speak, with what a single upstream does differently already worked in. */
export interface UpstreamDialect {
  /** What it does with each field of a ChatRequest. */
  readonly fields: FieldTable;
  /** How a stream is framed. */
  readonly framing: "sse" | "ndjson";
  /** Whether an assistant message at the end of a conversation is gone on from rather than answered. */
  readonly canContinue: boolean;
  /** The headers that carry a key. */
  authorize(key: string): Readonly<Record<string, string>>;
  /** Asks for a chat. Throws `unsupported_field` or `invalid_request` for what only a look at the values shows. */
  chat(request: ChatRequest, options: { readonly isStream: boolean }): UpstreamRequest;
  /** Reads a stream's frames. */
  reader(request: ChatRequest, asked: AskedUpstream): AnswerReader;
  /** Reads the JSON of a whole answer where a plain parse would change what a tool is called with; undefined where it is none. Absent: a plain parse loses nothing. */
  readonly parseWhole?: (text: string) => unknown;
  /** The events of an answer that came whole, as a stream's would be collected. Throws as `AnswerReader.read` does. */
  whole(body: unknown, request: ChatRequest, asked: AskedUpstream): readonly ChatEvent[];
  /** Asks which models there are. */
  listModels(): UpstreamRequest;
  /** Reads that answer; ids are the upstream's own. Throws `provider_malformed`. */
  models(body: unknown, provider: string): readonly Model[];
  /** Asks for vectors; absent where the API has none. */
  readonly embed?: {
    ask(request: EmbedRequest): UpstreamRequest;
    read(body: unknown, request: EmbedRequest, asked: AskedUpstream): EmbedResponse;
  };
  /**
   * What a refusal means, as a fault that says what the operator (or caller) has to do: wrong key, gated model, unknown model, quota, prompt too long, content filter, overload.
   * `nowMs` (since the epoch) turns a Retry-After that is a date into a time to wait.
   */
  errorOf(failure: UpstreamFailure, asked: AskedUpstream, nowMs: number): ConnectError;
}
