import { EventSourceParserStream } from "eventsource-parser/stream";

/** A streamed answer of the OpenAI route, read step by step. */
export interface SseAnswer {
  readonly status: number;
  /** The next frame's data, undefined at the end. Throws when the connection breaks. */
  next(): Promise<string | undefined>;
  /** All further frames. */
  rest(): Promise<string[]>;
  /** Goes away. */
  leave(): void;
}

/** Asks for a streamed chat completion. */
export async function sseChat(url: string, body: Readonly<Record<string, unknown>>): Promise<SseAnswer> {
  const controller = new AbortController();
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ ...body, stream: true }),
    signal: controller.signal,
  });
  if (response.body === null) throw new Error(`${response.status} without a body`);
  const reader = response.body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream()).getReader();
  const next = async () => (await reader.read()).value?.data;
  return {
    status: response.status,
    next,
    async rest() {
      const frames: string[] = [];
      for (let frame = await next(); frame !== undefined; frame = await next()) frames.push(frame);
      return frames;
    },
    leave: () => controller.abort(),
  };
}
