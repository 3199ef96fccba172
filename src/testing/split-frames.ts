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
 * What a reader makes of a recorded stream, and the proof that it is asked the same however the bytes arrive: in one piece, one by one, and cut in two at every
 * byte. A reader knows nothing but frames, so where these are the same, its events are. Throws when they differ.
 */
export function splitEverywhere(recorded: string, framing: Framing, readerOf: () => AnswerReader): ChatEvent[] {
  const bytes = new TextEncoder().encode(recorded);
  const whole = framesOf([bytes], framing);
  const expected = JSON.stringify(whole);
  const check = (arriving: readonly Uint8Array[], how: string) => {
    if (JSON.stringify(framesOf(arriving, framing)) !== expected) throw new Error(`other frames ${how}`);
  };
  check(
    [...bytes].map((byte) => Uint8Array.of(byte)),
    "byte by byte",
  );
  for (let at = 1; at < bytes.length; at++) check([bytes.subarray(0, at), bytes.subarray(at)], `cut after byte ${at}`);
  return readAll(readerOf(), whole);
}
