import { breakingPoint, broken, garbage } from "./breaks.ts";
import { brokenEarly, sendJson } from "./early.ts";
import { openOutlet, type Outlet } from "./outlet.ts";
import type { Answer, Turn } from "./turn.ts";
import { prefixOf, type Exchange, type SeenRequest } from "./wire.ts";

/** Answers a chat as its turn says. Rejects with `Left` when the other side has left. */
export async function playChat(exchange: Exchange): Promise<void> {
  const { format, request, turn } = exchange;
  const refused = format.check(request);
  if (refused !== undefined) return sendJson(exchange, refused);
  const answer = answerOf(turn, request);
  if (!format.isStream(request.body)) return playWhole(exchange, JSON.stringify(format.whole(answer, request)));
  const frames = format.frames(answer, request);
  const left = { "no-end-mark": format.tail.endMark, "no-finish": format.tail.finish(answer, request) };
  const { fault } = turn;
  const missing = fault?.is === "no-end-mark" || fault?.is === "no-finish" ? left[fault.is] : 0;
  return playBody(exchange, { frames: frames.slice(0, frames.length - missing), type: format.streamType, isWhole: false });
}

/** Answers what comes whole in any case, such as vectors or a list, as its turn says. */
export function playWhole(exchange: Exchange, answer: string): Promise<void> {
  const { fault } = exchange.turn;
  const type = "application/json";
  if (fault?.is === "garbage") return playBody(exchange, { frames: [fault.frame ?? garbage], type, isWhole: true });
  const text = fault?.is === "error-inside" ? JSON.stringify(exchange.format.refusal(fault.cause, exchange.request).body) : answer;
  const middle = Math.floor(text.length / 2);
  return playBody(exchange, { frames: [text.slice(0, middle), text.slice(middle)], type, isWhole: true });
}

function answerOf({ answer = {} }: Turn, { body }: SeenRequest): Answer {
  return typeof answer === "function" ? answer({ body, prefix: prefixOf(body) }) : answer;
}

interface Body {
  readonly frames: readonly (string | Buffer)[];
  readonly type: string;
  readonly isWhole: boolean;
}

async function playBody(exchange: Exchange, body: Body): Promise<void> {
  const { turn } = exchange;
  if (await brokenEarly(exchange)) return;
  const outlet = openOutlet(exchange.response, turn);
  if (turn.beforeHeaders !== undefined) await outlet.unlessLeft(turn.beforeHeaders);
  sendHeaders(exchange, body);
  if (turn.prefix !== undefined) await outlet.write(turn.prefix);
  const { fault } = turn;
  const breakAt = breakingPoint(fault, body.isWhole);
  await sendFrames(outlet, body.isWhole ? { ...turn, between: "" } : turn, body.frames.slice(0, breakAt));
  if (breakAt !== undefined && fault !== undefined) {
    if (turn.beforeFault !== undefined) await outlet.unlessLeft(turn.beforeFault);
    const next = String(body.frames[breakAt] ?? "");
    if (await broken(exchange, { outlet, next, isWhole: body.isWhole }, fault)) return;
  }
  await outlet.end();
}

function sendHeaders({ turn, response, format, request }: Exchange, { frames, type, isWhole }: Body): void {
  const { fault, encoding } = turn;
  const headers: Record<string, string> = { "content-type": type, ...format.headersOf(request) };
  if (encoding !== undefined) headers["content-encoding"] = encoding;
  // A body whose length is known is one whose loss can be seen.
  if (isWhole && fault?.is === "cut" && fault.isAbrupt === true) headers["content-length"] = String(Buffer.byteLength(frames.join("")));
  response.writeHead(200, { ...headers, ...turn.headers });
  response.flushHeaders();
}

async function sendFrames(outlet: Outlet, turn: Turn, frames: readonly (string | Buffer)[]): Promise<void> {
  for (const [index, frame] of frames.entries()) {
    const gate = turn.beforeFrame?.(index);
    if (gate !== undefined) await outlet.unlessLeft(gate);
    if (turn.between !== undefined && turn.between !== "") await outlet.write(turn.between);
    await outlet.write(frame);
  }
}
