import { StringDecoder } from "node:string_decoder";
import { createParser } from "eventsource-parser";
import { limitFault } from "../../core/limits.ts";
import { lineSplitter } from "../../core/line-splitter.ts";
import { reasonOf } from "../../core/reasons.ts";
import type { ChatEvent } from "../../../gen/parley/v1/chat_pb.ts";
import type { AnswerReader, UpstreamFrame } from "../../dialects/upstream-dialect.ts";
import type { Body, Wire } from "./exchange.ts";

/** What a streamed body needs. */
export interface StreamBodyOptions {
  readonly framing: "sse" | "ndjson";
  readonly reader: AnswerReader;
  readonly wire: Pick<Wire<ChatEvent>, "push">;
  readonly provider: string;
  readonly maxLineBytes: number;
}

/** Cuts bytes into frames, and tells the reader's events. Comments and blank lines are nothing: they neither make an event nor an end. */
export function streamBody(options: StreamBodyOptions): Body {
  return new StreamBody(options);
}

class StreamBody implements Body {
  readonly #reader: AnswerReader;
  readonly #wire: StreamBodyOptions["wire"];
  readonly #frames: Frames;

  constructor(options: StreamBodyOptions) {
    this.#reader = options.reader;
    this.#wire = options.wire;
    const read = (frame: UpstreamFrame) => this.#tell(this.#reader.read(frame));
    this.#frames = options.framing === "sse" ? sseFrames(options, read) : ndjsonFrames(options, read);
  }

  get isWhole(): boolean {
    return this.#reader.isWhole;
  }

  get hasEnded(): boolean {
    return this.#reader.hasEnded ?? false;
  }

  write(chunk: Buffer): void {
    this.#frames.write(chunk);
  }

  end(isCut: boolean): void {
    // What stands before a clean end without the blank line or line feed that it lacks is a frame all the same, unless it is no whole one.
    if (!isCut) unlessBroken(() => this.#frames.flush());
    this.#tell(this.#reader.end());
  }

  #tell(events: readonly ChatEvent[]): void {
    for (const event of events) this.#wire.push(event);
  }
}

/** Half a frame at the end is no malformed answer but a truncated one: the reader says which by its end. */
function unlessBroken(flush: () => void): void {
  try {
    flush();
  } catch (error) {
    if (reasonOf(error) !== "provider_malformed") throw error;
  }
}

interface Frames {
  write(chunk: Buffer): void;
  /** Takes what is left as a frame. */
  flush(): void;
}

function sseFrames(options: StreamBodyOptions, read: (frame: UpstreamFrame) => void): Frames {
  const decoder = new StringDecoder("utf8");
  const parser = createParser({
    maxBufferSize: options.maxLineBytes,
    onEvent: ({ event = "", data }) => read({ event, data }),
    onError: (error) => {
      if (error.type === "max-buffer-size-exceeded") throw tooLong(options);
    },
  });
  return {
    write: (chunk) => parser.feed(decoder.write(chunk)),
    flush: () => parser.feed(`${decoder.end()}\n\n`),
  };
}

function ndjsonFrames(options: StreamBodyOptions, read: (frame: UpstreamFrame) => void): Frames {
  const write = lineSplitter({
    maxBytes: options.maxLineBytes,
    onLine: (line) => {
      const data = line.trim();
      if (data !== "") read({ event: "", data });
    },
    onTooLong: () => {
      throw tooLong(options);
    },
  });
  return { write, flush: () => write(lineFeed) };
}

const lineFeed = Buffer.from("\n");

function tooLong({ provider, maxLineBytes }: StreamBodyOptions) {
  return limitFault("maxUpstreamLineBytes", `${provider} sent an event of more than ${maxLineBytes} bytes`, { provider });
}
