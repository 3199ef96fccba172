import type { ConnectError } from "@connectrpc/connect";
import type { ChatEvent } from "../../../gen/parley/v1/chat_pb.ts";
import { fault } from "../../core/reasons.ts";
import type { ReadyIterator } from "../../core/stages.ts";
import { isClosed, type Doors, type Exchange } from "../exchange.ts";
import { send } from "../send.ts";
import { note } from "./answer-error.ts";

/** The type of a stream of server-sent events. */
export const eventStreamType = "text/event-stream; charset=utf-8";

/** Proxies must not hold, cache or compress the stream. */
const headers = { "cache-control": "no-cache, no-transform", "x-accel-buffering": "no" } as const;

/** Writes the events of one answer in its client's format. */
export interface EventWriter {
  /** Whether the end mark was written. */
  readonly isDone: boolean;
  /** What the client gets for the next event; empty when it sees nothing of it. */
  write(event: ChatEvent): string;
}

/** How one answer is streamed to its client. */
export interface StreamFormat {
  readonly writer: EventWriter;
  /** Its content type. */
  readonly type: string;
  /** What is sent while there is nothing to say; undefined where the format has no such thing. */
  readonly keepAlive: string | undefined;
  /** The last words of a stream that failed; no end mark follows. */
  readonly failed: (error: ConnectError) => string;
}

/** An answer on its way out. */
interface Answer {
  readonly events: AsyncIterable<ChatEvent>;
  readonly format: StreamFormat;
}

/**
 * Streams an answer. Headers go out with `accepted`: what fails before is thrown, for it still has its own status;
 * what fails after is told by the format's last words, and the stream ends without its end mark. Whoever leaves early, the events are left too.
 */
export async function streamEvents(exchange: Exchange, { events, format }: Answer, doors: Doors): Promise<void> {
  const { writer } = format;
  const iterator: ReadyIterator<ChatEvent> = events[Symbol.asyncIterator]();
  let result = await iterator.next();
  if (result.done === true) throw cutOff();
  const frames = new Frames(exchange, format, doors);
  try {
    while (result.done !== true) {
      frames.add(writer.write(result.value));
      const ready = frames.isFull ? undefined : iterator.ready?.();
      if (ready === undefined) await frames.send();
      result = ready ?? (await iterator.next());
    }
    if (!writer.isDone) throw cutOff();
  } catch (error) {
    frames.add(format.failed(note(exchange, error, doors.log)));
  } finally {
    frames.end();
    if (exchange.call.signal.aborted || result.done !== true) await iterator.return?.();
  }
}

function cutOff() {
  return fault("provider_truncated", "the answer ended without its end mark");
}

/** How much is gathered at most before it is sent, characters. */
const mostTogether = 16 * 1024;

/** Frames on their way out. What comes together goes out together, with the headers where they are due: each write costs as much as several frames do. */
class Frames {
  readonly #exchange: Exchange;
  readonly #doors: Doors;
  #waiting = "";
  #isOpen = false;
  #lastMs: number;
  #cancel = () => {};

  constructor(exchange: Exchange, { type, keepAlive }: StreamFormat, doors: Doors) {
    this.#exchange = exchange;
    this.#doors = doors;
    this.#lastMs = doors.clock.now();
    exchange.response.writeHead(200, { "content-type": type, ...headers });
    if (keepAlive !== undefined) this.#arm(doors.limits.keepAliveMs, keepAlive);
  }

  get isFull(): boolean {
    return this.#waiting.length >= mostTogether;
  }

  add(frames: string): void {
    this.#waiting += frames;
  }

  /** Sends what is there; waits while the client is slower than we are. */
  async send(): Promise<void> {
    const { response } = this.#exchange;
    const frames = this.#waiting;
    this.#waiting = "";
    if (frames === "" && this.#isOpen) return;
    if (frames === "") response.flushHeaders();
    this.#isOpen = true;
    this.#lastMs = this.#doors.clock.now();
    if (frames !== "") await send(this.#exchange, frames, this.#doors);
  }

  /** Sends what is there, and the end. */
  end(): void {
    this.#cancel();
    const { response } = this.#exchange;
    if (this.#waiting === "" || isClosed(this.#exchange)) response.end();
    else response.end(this.#waiting);
  }

  /** Sends a sign of life whenever nothing was sent for `keepAliveMs`: proxies close streams that are silent while a long prompt is read. One timer a stream, set anew only when it fires: chunks are many and silences few. */
  #arm(ms: number, keepAlive: string): void {
    const { clock, limits } = this.#doors;
    const { response } = this.#exchange;
    this.#cancel = clock.after(ms, () => {
      const silentMs = clock.now() - this.#lastMs;
      if (silentMs < limits.keepAliveMs) return this.#arm(limits.keepAliveMs - silentMs, keepAlive);
      // One that has not read what there is gets nothing more, and is looked at again no sooner than others.
      if (isIdle(response)) {
        this.#lastMs = clock.now();
        response.write(keepAlive);
      }
      this.#arm(limits.keepAliveMs, keepAlive);
    });
  }
}

/** Whether nothing waits to be read by the client; more would only add to it. */
function isIdle(response: Exchange["response"]): boolean {
  return !(response as unknown as { writableNeedDrain: boolean }).writableNeedDrain;
}
