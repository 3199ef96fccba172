import type { ChatEvent } from "../../../gen/parley/v1/chat_pb.ts";
import { fault } from "../../core/reasons.ts";
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
  const { response, call } = exchange;
  const iterator = events[Symbol.asyncIterator]();
  let result = await iterator.next();
  if (result.done === true) throw cutOff();
  let stopKeepAlive = () => {};
  try {
    response.writeHead(200, headers);
    response.flushHeaders();
    const sent = keepAlive(exchange, doors);
    stopKeepAlive = sent.stop;
    for (; result.done !== true; result = await iterator.next()) {
      const frames = writer.write(result.value);
      if (frames === "") continue;
      sent.at(doors.clock.now());
      await send(exchange, frames, doors);
    }
    if (!writer.isDone) throw cutOff();
  } catch (error) {
    const known = note(exchange, error, doors.log);
    if (!isClosed(exchange)) response.write(dataFrame(errorToOpenAI(known, param)));
  } finally {
    stopKeepAlive();
    response.end();
    if (call.signal.aborted || result.done !== true) await iterator.return?.();
  }
}

function cutOff() {
  return fault("provider_truncated", "the answer ended without its end mark");
}

/** Sends a comment whenever nothing was sent for `keepAliveMs`: proxies close streams that are silent while a long prompt is read. */
function keepAlive({ response }: Exchange, { clock, limits }: Doors): { at: (ms: number) => void; stop: () => void } {
  let lastMs = clock.now();
  let cancel = () => {};
  // One timer a stream, set anew only when it fires: chunks are many and silences few.
  const arm = (ms: number) => {
    cancel = clock.after(ms, () => {
      const silentMs = clock.now() - lastMs;
      if (silentMs >= limits.keepAliveMs && isIdle(response)) {
        lastMs = clock.now();
        response.write(keepAliveFrame);
      }
      arm(Math.max(1, limits.keepAliveMs - (clock.now() - lastMs)));
    });
  };
  arm(limits.keepAliveMs);
  return { at: (ms) => void (lastMs = ms), stop: () => cancel() };
}

/** Whether nothing waits to be read by the client; a comment would only add to it. */
function isIdle(response: Exchange["response"]): boolean {
  return !(response as unknown as { writableNeedDrain: boolean }).writableNeedDrain;
}
