/** What an upstream says when it behaves; what is absent has a default. */
export interface Answer {
  /** Pieces of text, in the pieces that a stream sends. Default: three words. */
  readonly text?: readonly string[];
  /** Pieces of reasoning, before the text. Default none. */
  readonly reasoning?: readonly string[];
  /** Calls, after the text. Default none. */
  readonly calls?: readonly AnswerCall[];
  /** Default: `calls` where there are any, else `stop`. */
  readonly finish?: "stop" | "length" | "calls" | "filter";
  /** The same text so many times; only OpenAI's format can say more than one. */
  readonly choices?: number;
  /** `absent`: nothing is said of what it took. */
  readonly usage?: AnswerUsage | "absent";
  /** A logprob a piece of text. */
  readonly logprobs?: boolean;
}

/** A tool call of an answer. */
export interface AnswerCall {
  readonly id: string;
  readonly name: string;
  /** JSON of the arguments, in the pieces that a stream sends. */
  readonly pieces: readonly string[];
}

/** What an answer took. */
export interface AnswerUsage {
  readonly prompt: number;
  readonly completion: number;
  /** Of the prompt. */
  readonly cached?: number;
  /** Of the completion. */
  readonly reasoning?: number;
}

/** Why a request is refused, whatever the words are in a format. */
export type RefusalCause =
  | "wrong-key"
  | "forbidden"
  | "gated"
  | "no-quota"
  | "unknown-model"
  | "too-large"
  | "context-length"
  | "content-filter"
  | "invalid"
  | "rate-limited"
  | "server-error"
  | "unavailable"
  | "overloaded";

/** What goes wrong. `after` counts frames of a stream; an answer that comes whole breaks in its middle then. */
export type Fault =
  /** Refused with the format's status and words. */
  | { readonly is: "refusal"; readonly cause: RefusalCause; readonly headers?: Readonly<Record<string, string>>; readonly status?: number }
  /** 200, and an error where the answer should be; in a stream after so many frames. */
  | { readonly is: "error-inside"; readonly cause: RefusalCause; readonly after?: number; readonly asJson?: boolean }
  /** Nothing at all is answered. */
  | { readonly is: "no-headers" }
  /** Headers, and nothing behind them. */
  | { readonly is: "no-body" }
  /** Silence after so many frames. */
  | { readonly is: "stall"; readonly after: number }
  /** The connection is reset: before the headers, inside of them, or after so many frames. */
  | { readonly is: "reset"; readonly after: number | "nothing" | "half-headers" }
  /** The body ends by itself after so many frames; `isInside`: inside the next one; `isAbrupt`: the connection is closed in place of an end that HTTP knows. */
  | { readonly is: "cut"; readonly after: number; readonly isInside?: boolean; readonly isAbrupt?: boolean }
  /** Everything but the format's last frame. */
  | { readonly is: "no-end-mark" }
  /** Everything but what says why it ended, and behind. */
  | { readonly is: "no-finish" }
  /** Bytes that mean nothing, after so many frames; `frame` gives a frame of its own instead. */
  | { readonly is: "garbage"; readonly after: number; readonly frame?: string }
  /** A page. */
  | { readonly is: "html"; readonly status?: number }
  /** One line that does not end, of so many bytes, after so many frames. */
  | { readonly is: "huge-line"; readonly after: number; readonly bytes: number }
  /** Comments, one each few ms, until somebody leaves. */
  | { readonly is: "endless-comments"; readonly after: number }
  /** Sent on to another address. */
  | { readonly is: "redirect"; readonly to: string; readonly status?: number }
  /** An empty body. */
  | { readonly is: "empty"; readonly status?: number };

/** What an answer may depend on. */
export interface Question {
  readonly body: Readonly<Record<string, unknown>>;
  /** What the assistant message at the end of the conversation says; empty: it ends otherwise. */
  readonly prefix: string;
}

/** How one request is served. */
export interface Turn {
  readonly answer?: Answer | ((question: Question) => Answer);
  readonly fault?: Fault;
  /** Waited for before the headers. */
  readonly beforeHeaders?: Promise<unknown>;
  /** Waited for before each frame, numbered from 0. */
  readonly beforeFrame?: (index: number) => Promise<unknown> | undefined;
  /** Waited for before what goes wrong. */
  readonly beforeFault?: Promise<unknown>;
  /** One byte a write. */
  readonly isDripped?: boolean;
  /** Sent before the body: blank lines, keep-alive comments. */
  readonly prefix?: string;
  /** Sent before each frame of a stream. */
  readonly between?: string;
  readonly encoding?: "gzip" | "br" | "deflate" | "zstd";
  /** Of the answer, beside its own. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Vectors of so many numbers. Default 4. */
  readonly dimensions?: number;
}

/** The text of an answer, whole. */
export function textOfAnswer({ text = defaultText }: Answer): string {
  return text.join("");
}

/** What an answer says unless told otherwise. */
export const defaultText: readonly string[] = ["one", " two", " three"];

/** Why an answer ended. */
export function finishOfAnswer({ finish, calls = [] }: Answer): NonNullable<Answer["finish"]> {
  return finish ?? (calls.length > 0 ? "calls" : "stop");
}

/** What an answer took; undefined: it does not say. */
export function usageOfAnswer({ usage, text = defaultText, calls = [], reasoning = [] }: Answer): AnswerUsage | undefined {
  if (usage === "absent") return undefined;
  return usage ?? { prompt: 7, completion: text.length + calls.length + reasoning.length };
}
