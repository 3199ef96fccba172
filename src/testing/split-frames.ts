import { createParser } from "eventsource-parser";
import type { ChatEvent } from "../../gen/parley/v1/chat_pb.ts";
import type { AnswerReader, UpstreamFrame } from "../dialects/upstream-dialect.ts";

/** How a stream is framed. */
type Framing = "sse" | "ndjson";

/** The frames of a recorded stream whose bytes arrive in the given pieces: decoded, parsed and framed as a socket's would be. */
export function framesOf(pieces: readonly Uint8Array[], framing: Framing): UpstreamFrame[] {
  const decoder = new TextDecoder();
  const frames: UpstreamFrame[] = [];
  const feed = framing === "sse" ? sse(frames) : lines(frames);
  for (const piece of pieces) feed(decoder.decode(piece, { stream: true }));
  // A clean end ends the last frame too, as it does on a socket.
  feed(`${decoder.decode()}\n\n`);
  return frames;
}

function sse(frames: UpstreamFrame[]): (text: string) => void {
  const parser = createParser({ onEvent: ({ event = "", data }) => frames.push({ event, data }) });
  return (text) => parser.feed(text);
}

function lines(frames: UpstreamFrame[]): (text: string) => void {
  let rest = "";
  return (text) => {
    const parts = (rest + text).split("\n");
    rest = parts.pop() ?? "";
    for (const line of parts) if (line.trim() !== "") frames.push({ event: "", data: line.trim() });
  };
}

/** Everything a reader makes of frames, its end included; throws what it throws. */
export function readAll(reader: AnswerReader, frames: readonly UpstreamFrame[]): ChatEvent[] {
  const events: ChatEvent[] = [];
  for (const frame of frames) events.push(...reader.read(frame));
  events.push(...reader.end());
  return events;
}

/**
 * What a reader makes of a recorded stream, and the proof that it makes the same of it however its bytes arrive: in one piece, one by one, and cut in two at every
 * byte. Throws when one of these differs.
 */
export function splitEverywhere(recorded: string, framing: Framing, readerOf: () => AnswerReader): ChatEvent[] {
  const bytes = new TextEncoder().encode(recorded);
  const read = (arriving: readonly Uint8Array[]) => readAll(readerOf(), framesOf(arriving, framing));
  const whole = read([bytes]);
  const expected = told(whole);
  const check = (arriving: readonly Uint8Array[], how: string) => {
    if (told(read(arriving)) !== expected) throw new Error(`other events ${how}`);
  };
  check(
    [...bytes].map((byte) => Uint8Array.of(byte)),
    "byte by byte",
  );
  for (let at = 1; at < bytes.length; at++) check([bytes.subarray(0, at), bytes.subarray(at)], `cut after byte ${at}`);
  return whole;
}

/** Invented ids differ each time, and are left out. */
function told(events: readonly ChatEvent[]): string {
  return JSON.stringify(events, (key, value: unknown) => {
    if (typeof value === "bigint") return String(value);
    return key === "id" && typeof value === "string" && /^call_[0-9a-f]{24}$/.test(value) ? "invented" : value;
  });
}
