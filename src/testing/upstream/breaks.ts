import { setTimeout as passed } from "node:timers/promises";
import type { Outlet } from "./outlet.ts";
import type { Fault } from "./turn.ts";
import type { Exchange } from "./wire.ts";

/** Where in a body a fault comes. */
export interface Break {
  readonly outlet: Outlet;
  /** The frame that would have come. */
  readonly next: string;
  readonly isWhole: boolean;
}

const commentEveryMs = 5;

/** Bytes of nothing: no JSON, no SSE, no UTF-8. */
export const garbage = Buffer.from([0xff, 0xfe, 0x00, 0x9f, 0x92, 0x96, 0x7b, 0x0a, 0x0a, 0xc3, 0x28, 0x0a]);

type Breaks = {
  readonly [Is in Fault["is"]]?: (exchange: Exchange, at: Break, fault: Extract<Fault, { readonly is: Is }>) => Promise<boolean>;
};

const breaks: Breaks = {
  stall: hold,
  "no-body": hold,
  async reset({ response, onBreak }) {
    onBreak();
    response.socket?.resetAndDestroy();
    return true;
  },
  async cut({ response, onBreak }, { outlet, next }, { isInside = false, isAbrupt = false }) {
    if (isInside) await outlet.write(next.slice(0, Math.floor(next.length / 2)));
    if (!isAbrupt) return false;
    onBreak();
    response.socket?.destroy();
    return true;
  },
  async "error-inside"({ format, request }, { outlet }, { cause }) {
    await outlet.write(format.errorFrame(cause, request));
    return false;
  },
  async garbage(_exchange, { outlet }, { frame }) {
    await outlet.write(frame ?? garbage);
    return false;
  },
  async "huge-line"({ format }, { outlet, isWhole }, { bytes }) {
    const piece = Buffer.alloc(64 * 1024, "x");
    await outlet.write(isWhole || format.name === "ollama" ? '{"x":"' : 'data: {"x":"');
    for (let sent = 0; sent < bytes; sent += piece.length) await outlet.write(piece);
    return false;
  },
  async "endless-comments"({ format, onHeld }, { outlet, isWhole }) {
    onHeld();
    const comment = isWhole || format.name === "ollama" ? "\n" : ": keep-alive\n\n";
    for (;;) {
      await outlet.write(comment);
      await outlet.unlessLeft(passed(commentEveryMs));
    }
  },
};

/** Does inside of a body what the fault says; whether the answer is over by it. */
export async function broken(exchange: Exchange, at: Break, fault: Fault): Promise<boolean> {
  const play = breaks[fault.is] as ((exchange: Exchange, at: Break, fault: Fault) => Promise<boolean>) | undefined;
  return (await play?.(exchange, at, fault)) ?? false;
}

async function hold({ onHeld }: Exchange, { outlet }: Break): Promise<boolean> {
  onHeld();
  await outlet.left;
  return true;
}

/** After how many frames a fault comes; undefined: never inside a body. An answer that comes whole has two, its halves. */
export function breakingPoint(fault: Fault | undefined, isWhole: boolean): number | undefined {
  if (fault === undefined || breaks[fault.is] === undefined) return undefined;
  if (isWhole) return halves[fault.is];
  return "after" in fault && typeof fault.after === "number" ? fault.after : 0;
}

/** What breaks an answer that comes whole, and before which half. */
const halves: { readonly [Is in Fault["is"]]?: number } = {
  stall: 1,
  reset: 1,
  cut: 1,
  "no-body": 0,
  "huge-line": 0,
  "endless-comments": 0,
};
