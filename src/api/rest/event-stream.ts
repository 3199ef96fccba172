import type { ChatEvent } from "../../../gen/parley/v1/chat_pb.ts";
import { fault } from "../../core/reasons.ts";
import type { ReadyIterator } from "../../core/stream.ts";
import { dataFrame, keepAliveFrame, type ChunkWriter } from "../../dialects/openai/chunks.ts";
import { errorToOpenAI, type ParamOf } from "../../dialects/openai/errors.ts";
import { isClosed, type Doors, type Exchange } from "../exchange.ts";
import { send } from "../send.ts";
import { note } from "./answer-error.ts";

/** Proxies must not hold, cache or compress the stream. */
const headers = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-cache, no-transform",
  "x-accel-buffering": "no",
} as const;

/** An answer on its way out. */
interface Answer {
  readonly events: AsyncIterable<ChatEvent>;
  readonly writer: ChunkWriter;
  readonly param: ParamOf;
}

/**
 * Streams an answer as server-sent events. Headers go out with `accepted`: what fails before is thrown, for it still has its own status;
 * what fails after is told by a frame, and the stream ends without its end mark. Whoever leaves early, the events are left too.
 */
export async function streamEvents(exchange: Exchange, { events, writer, param }: Answer, doors: Doors): Promise<void> {
  const iterator: ReadyIterator<ChatEvent> = events[Symbol.asyncIterator]();
  let result = await iterator.next();
  if (result.done === true) throw cutOff();
  const frames = new Frames(exchange, doors);
  try {
    while (result.done !== true) {
      frames.add(writer.write(result.value));
      const ready = frames.isFull ? undefined : iterator.ready?.();
      if (ready === undefined) await frames.send();
      result = ready ?? (await iterator.next());
    }
    if (!writer.isDone) throw cutOff();
  } catch (error) {
    frames.add(dataFrame(errorToOpenAI(note(exchange, error, doors.log), param)));
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

  constructor(exchange: Exchange, doors: Doors) {
    this.#exchange = exchange;
    this.#doors = doors;
    this.#lastMs = doors.clock.now();
    exchange.response.writeHead(200, headers);
    this.#arm(doors.limits.keepAliveMs);
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

  /** Sends a comment whenever nothing was sent for `keepAliveMs`: proxies close streams that are silent while a long prompt is read. One timer a stream, set anew only when it fires: chunks are many and silences few. */
  #arm(ms: number): void {
    const { clock, limits } = this.#doors;
    const { response } = this.#exchange;
    this.#cancel = clock.after(ms, () => {
      const silentMs = clock.now() - this.#lastMs;
      if (silentMs >= limits.keepAliveMs && isIdle(response)) {
        this.#lastMs = clock.now();
        response.write(keepAliveFrame);
      }
      this.#arm(Math.max(1, limits.keepAliveMs - (clock.now() - this.#lastMs)));
    });
  }
}

/** Whether nothing waits to be read by the client; a comment would only add to it. */
function isIdle(response: Exchange["response"]): boolean {
  return !(response as unknown as { writableNeedDrain: boolean }).writableNeedDrain;
}
