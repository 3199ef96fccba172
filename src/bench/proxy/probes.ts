import { connect, type Socket } from "node:net";
import { requestBytes } from "../h1-load.ts";
import { lastWord, question } from "./answers.ts";
import type { Contestant } from "./contestants.ts";

const path = "/v1/chat/completions";
const end = "\r\n0\r\n\r\n";

/** From a request to the first word of its stream, ms: so many after one another over one connection. */
export async function firstWords({ port, headers }: Contestant, count: number): Promise<number[]> {
  const request = requestBytes({ path, headers, body: question({ isStream: true }) }, port);
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  const took: number[] = [];
  try {
    for (let index = 0; index < count; index++) {
      const sentMs = performance.now();
      socket.write(request);
      took.push((await readStream(socket)).firstMs - sentMs);
    }
    return took;
  } finally {
    socket.destroy();
  }
}

/** Streams that run at the same time, a word each 20 ms: how many of them came whole. `during` is called while all run. */
export async function manyStreams({ port, headers }: Contestant, count: number, during: () => void): Promise<number> {
  const request = requestBytes({ path, headers, body: question({ isStream: true, model: "slow" }) }, port);
  const timer = setInterval(during, 100);
  try {
    const answers = await Promise.all(
      Array.from({ length: count }, async () => {
        const socket = connect({ port, host: "127.0.0.1", noDelay: true });
        try {
          socket.write(request);
          return (await readStream(socket)).isWhole;
        } catch {
          return false;
        } finally {
          socket.destroy();
        }
      }),
    );
    return answers.filter(Boolean).length;
  } finally {
    clearInterval(timer);
  }
}

/** Reads one chunked answer to its end. */
function readStream(socket: Socket): Promise<{ readonly firstMs: number; readonly isWhole: boolean }> {
  return new Promise((resolve, reject) => {
    let text = "";
    let firstMs = Number.NaN;
    const settle = (then: () => void) => {
      socket.off("data", onData).off("error", onError).off("close", onClose);
      then();
    };
    const onData = (chunk: Buffer) => {
      text += chunk.toString("latin1");
      if (Number.isNaN(firstMs) && text.includes("word0")) firstMs = performance.now();
      if (text.endsWith(end)) settle(() => resolve({ firstMs, isWhole: text.includes(`${lastWord}"`) && text.includes("data: [DONE]") }));
    };
    const onError = (error: Error) => settle(() => reject(error));
    const onClose = () => settle(() => reject(new Error("the connection closed")));
    socket.on("data", onData).on("error", onError).on("close", onClose);
  });
}
