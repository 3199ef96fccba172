import { Socket } from "node:net";
import { lineSplitter } from "../core/line-splitter.ts";
import { engineChannel, type FromEngine, type ToEngine } from "./protocol/messages.ts";

/** What the parent's messages lead to. */
export interface ParentOptions {
  readonly onMessage: (message: ToEngine) => void;
  /** The parent has ended, or has let go of us. */
  readonly onGone: () => void;
}

/** The other end of this process's channel: answers with what sends a message there, and calls back once it is written. */
export function parent({ onMessage, onGone }: ParentOptions): (message: FromEngine, onSent?: () => void) => void {
  const socket = new Socket({ fd: engineChannel });
  const onLine = (line: string) => onMessage(JSON.parse(line) as ToEngine);
  // Ours is the one process that trusts the other: it sends what it likes.
  socket.on("data", lineSplitter({ maxBytes: Number.POSITIVE_INFINITY, onLine, onTooLong: () => {} }));
  socket.on("error", onGone);
  socket.on("close", onGone);
  return (message, onSent) => void socket.write(`${JSON.stringify(message)}\n`, onSent);
}
