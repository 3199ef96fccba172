import { writeSync } from "node:fs";
import { parent } from "../engine/parent.ts";
import { engineChannel, type FromEngine, type ToEngine } from "../engine/protocol/messages.ts";

/** What a prompt tells the program to do, in this order. */
export interface TinyEngineScript {
  /** A line for its standard error. */
  readonly line?: string;
  /** Memory to take, and to keep, MiB. */
  readonly takeMiB?: number;
  /** Messages, whether the protocol has them or not. */
  readonly say?: readonly unknown[];
  /** Written to the channel as it is. */
  readonly raw?: string;
  /** Is stuck for ever. */
  readonly hang?: boolean;
  /** Signal to end by. */
  readonly signal?: NodeJS.Signals;
  /** Code to end with. */
  readonly exit?: number;
}

// A program in the place of an engine, without a model: it does what the text of a prompt says as JSON, and never loads what is called endless. For tests of what becomes of calls when an engine goes wrong.

const send = parent({ onMessage: hear, onGone: () => process.exit(0) });
const said = (message: unknown) => new Promise<void>((resolve) => send(message as FromEngine, resolve));

const taken: Buffer[] = [];

async function perform({ line, say = [], takeMiB = 0, raw = "", ...end }: TinyEngineScript): Promise<void> {
  if (line !== undefined) writeSync(process.stderr.fd, `${line}\n`);
  if (takeMiB > 0) taken.push(Buffer.alloc(takeMiB * 2 ** 20, 1));
  for (const message of say) await said(message);
  if (raw !== "") writeSync(engineChannel, raw);
  endBy(end);
}

function endBy({ hang = false, signal, exit }: TinyEngineScript): void {
  if (hang) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  if (signal !== undefined) process.kill(process.pid, signal);
  if (exit !== undefined) process.exit(exit);
}

function hear(message: ToEngine): void {
  if (message.type === "load" && !message.load.modelPath.includes("endless"))
    void said({ type: "loaded", model: { contextLength: 512, sequences: 1, memoryBytes: 0 } });
  if (message.type === "generate" && message.request.prompt.type === "text")
    void perform(JSON.parse(message.request.prompt.text) as TinyEngineScript);
  if (message.type === "ping") void said({ type: "pong" });
  if (message.type === "shutdown") process.exit(0);
}
