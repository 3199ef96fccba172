import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { setImmediate as turnOfTheLoop } from "node:timers/promises";
import { createBrotliCompress, createDeflate, createGzip, createZstdCompress } from "node:zlib";
import type { Turn } from "./turn.ts";

/** The body of one answer on its way: every write is on the wire, as far as this process can know, when its promise resolves. Rejects once nobody listens. */
export interface Outlet {
  write(text: string | Buffer): Promise<void>;
  /** The end that HTTP knows. */
  end(): Promise<void>;
  /** The promise's value, unless the other side leaves first. */
  unlessLeft<Value>(promise: Promise<Value>): Promise<Value>;
  /** Never resolves; rejects when the other side leaves. */
  readonly left: Promise<never>;
}

/** The other side has left: what plays a turn ends by it. */
export class Left extends Error {}

const encoders = { gzip: createGzip, br: createBrotliCompress, deflate: createDeflate, zstd: createZstdCompress };

/** Opens the body of an answer, packed and dripped as the turn says. */
export function openOutlet(response: ServerResponse, { encoding, isDripped = false }: Turn): Outlet {
  const left = new Promise<never>((_resolve, reject) => {
    response.once("close", () => reject(new Left("the other side has left")));
  });
  left.catch(() => {});
  const unlessLeft = <Value>(promise: Promise<Value>) => Promise.race([promise, left]);
  const encoder = encoding === undefined ? undefined : encoders[encoding]();
  const send = (data: Buffer) =>
    new Promise<void>((resolve, reject) => {
      response.write(data, (error) => (error ? reject(new Left(error.message)) : resolve()));
    });
  const packed: Promise<void>[] = [];
  encoder?.on("data", (data: Buffer) => packed.push(send(data)));
  const pack = async (data: Buffer) => {
    if (encoder === undefined) return send(data);
    await new Promise<void>((resolve, reject) => encoder.write(data, (error) => (error ? reject(error) : resolve())));
    await new Promise<void>((resolve) => encoder.flush(resolve));
    await Promise.all(packed.splice(0));
  };
  return {
    left,
    unlessLeft,
    async write(text) {
      const data = typeof text === "string" ? Buffer.from(text) : text;
      if (!isDripped) return unlessLeft(pack(data));
      for (let at = 0; at < data.length; at++) {
        await unlessLeft(pack(data.subarray(at, at + 1)));
        await turnOfTheLoop();
      }
    },
    async end() {
      if (encoder !== undefined) {
        encoder.end();
        await unlessLeft(once(encoder, "end"));
        await Promise.all(packed.splice(0));
      }
      const finished = once(response, "finish");
      response.end();
      await unlessLeft(finished);
    },
  };
}
