import type { ServerResponse } from "node:http";
import type { Answer, RefusalCause, Turn } from "./turn.ts";

/** A request that a scripted upstream has received whole. */
export interface SeenRequest {
  /** From 1, over the upstream's life. */
  readonly number: number;
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Its JSON; empty where there is none. */
  readonly body: Readonly<Record<string, unknown>>;
  /** The key that it shows, wherever its format puts it; empty: none. */
  readonly key: string;
  /** The model it names; empty: none. */
  readonly model: string;
  /** Number of its connection, from 1. */
  readonly connection: number;
  /** Instant when its headers came, ms as `performance.now` counts. */
  readonly atMs: number;
}

/** A refusal as it goes over the wire. */
export interface Refused {
  readonly status: number;
  readonly body: unknown;
}

/** How a request is to be answered, in one format: everything a server must know that has no idea of formats. */
export interface Format {
  readonly name: "openai" | "anthropic" | "ollama" | "raw";
  readonly streamType: string;
  /** Whether a chat is to be streamed. */
  isStream(body: Readonly<Record<string, unknown>>): boolean;
  /** What is wrong with a request for a chat, as this API would say it. */
  check(request: SeenRequest): Refused | undefined;
  /** The answer whole. */
  whole(answer: Answer, request: SeenRequest): unknown;
  /** The answer's frames, each with its end. */
  frames(answer: Answer, request: SeenRequest): readonly string[];
  /** How many of the last frames make the end mark, and how many say why the answer ended or come behind that. */
  readonly tail: { readonly endMark: number; finish(answer: Answer, request: SeenRequest): number };
  refusal(cause: RefusalCause, request: SeenRequest): Refused;
  /** A frame that says so in mid-stream. */
  errorFrame(cause: RefusalCause, request: SeenRequest): string;
  models(ids: readonly string[]): unknown;
  embeddings(request: SeenRequest, dimensions: number): unknown;
  /** Headers that this API sends with every answer. */
  headersOf(request: SeenRequest): Readonly<Record<string, string>>;
}

/** What is played: a request, how it is served, and what a server tells about it. */
export interface Exchange {
  readonly request: SeenRequest;
  readonly response: ServerResponse;
  readonly format: Format;
  readonly turn: Turn;
  /** Called when nothing more will be sent until somebody leaves. */
  readonly onHeld: () => void;
  /** Called just before this side breaks the connection. */
  readonly onBreak: () => void;
}

/** A value that is an object, or an empty one. */
export function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

/** The members of a value that is a list, or none. */
export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The text of a message's content, whichever shape it has. */
export function contentText(content: unknown): string {
  if (typeof content === "string") return content;
  return listOf(content)
    .map((part) => objectOf(part)["text"])
    .filter((text) => typeof text === "string")
    .join("");
}

/** What an assistant has said at the end of a conversation that is to be gone on from; empty: the conversation ends otherwise. */
export function prefixOf(body: Readonly<Record<string, unknown>>): string {
  const last = objectOf(listOf(body["messages"]).at(-1));
  return last["role"] === "assistant" ? contentText(last["content"]) : "";
}

/** Numbers that are the same each time for the same text. */
export function vectorOf(text: string, dimensions: number): number[] {
  return Array.from(
    { length: dimensions },
    (_, index) => ((text.length * 7 + (text.codePointAt(index % Math.max(1, text.length)) ?? 1) + index) % 16) / 16,
  );
}
