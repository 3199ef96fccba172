import { openOutlet } from "./outlet.ts";
import type { Fault } from "./turn.ts";
import type { Exchange, Refused } from "./wire.ts";

type Headers = Readonly<Record<string, string>>;

type EarlyFaults = { readonly [Is in Fault["is"]]?: (exchange: Exchange, fault: Extract<Fault, { readonly is: Is }>) => Promise<boolean> };

const faults: EarlyFaults = {
  async refusal(exchange, { cause, status, headers }) {
    const refused = exchange.format.refusal(cause, exchange.request);
    await sendJson(exchange, { ...refused, ...(status !== undefined && { status }) }, headers);
    return true;
  },
  async "error-inside"(exchange, { cause, asJson = false }) {
    if (asJson) await sendJson(exchange, { ...exchange.format.refusal(cause, exchange.request), status: 200 });
    return asJson;
  },
  async "no-headers"({ response, onHeld }) {
    onHeld();
    await openOutlet(response, {}).left;
    return true;
  },
  async reset({ response: { socket }, onBreak, turn }, { after }) {
    if (typeof after === "number") return false;
    await turn.beforeHeaders;
    if (after === "half-headers") await new Promise((resolve) => socket?.write("HTTP/1.1 200 OK\r\ncontent-ty", resolve));
    onBreak();
    socket?.resetAndDestroy();
    return true;
  },
  async html(exchange, { status = 200 }) {
    const body = "<!doctype html><title>Welcome</title><h1>It works!</h1>";
    await sendBody(exchange, { status, body, headers: { "content-type": "text/html" } });
    return true;
  },
  async redirect(exchange, { to, status = 307 }) {
    await sendBody(exchange, { status, body: "", headers: { location: to } });
    return true;
  },
  async empty(exchange, { status = 200 }) {
    await sendBody(exchange, { status, body: "", headers: { "content-type": exchange.format.streamType } });
    return true;
  },
};

/** Does in place of an answer what the fault says; whether it was one of that kind. */
export async function brokenEarly(exchange: Exchange): Promise<boolean> {
  const { fault } = exchange.turn;
  if (fault === undefined) return false;
  const play = faults[fault.is] as ((exchange: Exchange, fault: Fault) => Promise<boolean>) | undefined;
  return (await play?.(exchange, fault)) ?? false;
}

/** Sends one refusal. */
export async function sendJson(exchange: Exchange, { status, body }: Refused, headers: Headers = {}): Promise<void> {
  await sendBody(exchange, { status, body: JSON.stringify(body), headers: { "content-type": "application/json", ...headers } });
}

interface Sent {
  readonly status: number;
  readonly body: string;
  readonly headers: Headers;
}

async function sendBody({ response, turn, format, request }: Exchange, { status, body, headers }: Sent): Promise<void> {
  const outlet = openOutlet(response, {});
  if (turn.beforeHeaders !== undefined) await outlet.unlessLeft(turn.beforeHeaders);
  response.writeHead(status, { ...format.headersOf(request), ...headers, ...turn.headers });
  if (body !== "") await outlet.write(body);
  await outlet.end();
}
