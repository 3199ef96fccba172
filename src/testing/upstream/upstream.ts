import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { text } from "node:stream/consumers";
import { addressOf, keyOf } from "./address.ts";
import { milestones, type Milestones } from "./milestones.ts";
import { openaiFormat } from "./openai.ts";
import { Left } from "./outlet.ts";
import { sendJson } from "./early.ts";
import { playChat, playWhole } from "./play.ts";
import type { Turn } from "./turn.ts";
import { objectOf, type Exchange, type Format, type SeenRequest } from "./wire.ts";

/** What an upstream for tests is to do. */
export interface UpstreamOptions {
  /** By number of the request for work, the last for all further ones; lists of models are not counted. Default: it behaves. */
  readonly turns?: readonly Turn[];
  /** By the model that a request names, before `turns`; by number of the request for that model, the last for all further ones. */
  readonly models?: Readonly<Record<string, Turn | readonly Turn[]>>;
  /** How lists of models are served. */
  readonly listing?: Turn;
  /** The ids in those lists. */
  readonly ids?: readonly string[];
  /** Keys that it takes; undefined: it asks for none. */
  readonly keys?: readonly string[];
  /** Whether fields that OpenAI does not know are refused. Default yes. */
  readonly isStrict?: boolean;
}

/** How an answer ended. */
export interface Closing {
  /** Instant, ms as `performance.now` counts. */
  readonly atMs: number;
  /** Whether the other side left before the answer was over. */
  readonly byClient: boolean;
}

/** An upstream over real sockets that speaks the formats of OpenAI, Anthropic and Ollama, notes what it is asked, and misbehaves as it is told. */
export interface ScriptedUpstream {
  /** Such as `http://127.0.0.1:40123`; OpenAI's base URL is below it, at `/v1`. */
  readonly url: string;
  readonly port: number;
  /** Requests for work so far. */
  readonly requests: readonly SeenRequest[];
  /** Requests for lists of models so far. */
  readonly listings: readonly SeenRequest[];
  /** Connections opened so far, and open now. */
  readonly connections: { readonly opened: number; readonly open: number };
  /** When each connection was opened and closed, by its number less 1, ms as `performance.now` counts; undefined: it is open. */
  readonly sockets: readonly { readonly openedMs: number; readonly closedMs: number | undefined }[];
  /** Requests for work that are answered now, and the most there ever were. */
  readonly running: { readonly now: number; readonly most: number };
  /** Replaces `turns`, and counts from here. */
  script(...turns: readonly Turn[]): void;
  /** The nth request for work, once it has come whole. */
  requested(number: number): Promise<SeenRequest>;
  /** The nth answer has come to where nothing more will be sent until somebody leaves. */
  held(number: number): Promise<void>;
  /** How the nth answer ended, once it has. */
  closed(number: number): Promise<Closing>;
  /** Breaks every connection, and takes no further ones. */
  close(): Promise<void>;
}

interface State {
  readonly options: UpstreamOptions;
  turns: readonly Turn[];
  turnsFrom: number;
  readonly openai: Format;
  readonly byModel: Map<string, number>;
  readonly requests: SeenRequest[];
  readonly listings: SeenRequest[];
  readonly running: { now: number; most: number };
  readonly connections: { opened: number; open: number };
  readonly sockets: { readonly openedMs: number; closedMs: number | undefined }[];
  readonly numbers: WeakMap<Socket, number>;
  readonly requested: Milestones<SeenRequest>;
  readonly held: Milestones<void>;
  readonly closed: Milestones<Closing>;
}

/** Starts one on a free port, in this process. */
export async function startUpstream(options: UpstreamOptions = {}): Promise<ScriptedUpstream> {
  const state = stateOf(options);
  const server = createServer({ keepAlive: true }, (incoming, response) => {
    serve(state, incoming, response).catch((error: unknown) => {
      // A caller that leaves is what many tests are about; all else is a fault of the test itself, and must be seen.
      if (!(error instanceof Left)) server.emit("error", error);
    });
  });
  server.on("connection", (socket: Socket) => noteConnection(state, socket));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    requests: state.requests,
    listings: state.listings,
    connections: state.connections,
    sockets: state.sockets,
    running: state.running,
    script(...turns) {
      state.turns = turns;
      state.turnsFrom = state.requests.length;
    },
    requested: state.requested.reached,
    held: state.held.reached,
    closed: state.closed.reached,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function stateOf(options: UpstreamOptions): State {
  return {
    options,
    turns: options.turns ?? [],
    turnsFrom: 0,
    openai: openaiFormat({ isStrict: options.isStrict ?? true }),
    byModel: new Map(),
    requests: [],
    listings: [],
    running: { now: 0, most: 0 },
    connections: { opened: 0, open: 0 },
    sockets: [],
    numbers: new WeakMap(),
    requested: milestones(),
    held: milestones(),
    closed: milestones(),
  };
}

function noteConnection({ connections, sockets, numbers }: State, socket: Socket): void {
  numbers.set(socket, ++connections.opened);
  connections.open++;
  const times = { openedMs: performance.now(), closedMs: undefined as number | undefined };
  sockets.push(times);
  socket.once("close", () => {
    connections.open--;
    times.closedMs = performance.now();
  });
}

async function serve(state: State, incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  const sent = await text(incoming).catch(() => undefined);
  // The other side left before it had said what it wants.
  if (sent === undefined) return;
  const address = addressOf(state.openai, incoming);
  const seen = seenOf(state, incoming, sent);
  if (address === undefined) return serveNothing(state, seen, response);
  if (address.work === "models") return serveModels(state, seen, { response, format: address.format });
  await serveWork(state, { ...seen, number: state.requests.length + 1 }, { response, format: address.format, work: address.work });
}

function seenOf({ numbers }: State, { method = "", url: path = "", headers, socket }: IncomingMessage, sent: string): SeenRequest {
  const body = objectOf(sent === "" ? {} : JSON.parse(sent));
  const model = typeof body["model"] === "string" ? body["model"] : "";
  return {
    number: 0,
    method,
    path,
    headers,
    body,
    key: keyOf(headers),
    model,
    connection: numbers.get(socket) ?? 0,
    atMs: performance.now(),
  };
}

function serveNothing({ openai }: State, request: SeenRequest, response: ServerResponse): Promise<void> {
  const message = `Unknown request URL: ${request.method} ${request.path}`;
  const body = { error: { message, type: "invalid_request_error", param: null, code: "unknown_url" } };
  return sendJson(untold({ request, response, format: openai, turn: {} }), { status: 404, body });
}

function serveModels(state: State, seen: SeenRequest, { response, format }: Pick<Exchange, "response" | "format">): Promise<void> {
  const { ids = ["m"], listing = {} } = state.options;
  const request = { ...seen, number: state.listings.length + 1 };
  state.listings.push(request);
  const exchange = untold({ request, response, format, turn: listing });
  if (!isLetIn(state, request)) return sendJson(exchange, format.refusal("wrong-key", request));
  return playWhole(exchange, JSON.stringify(format.models(ids)));
}

async function serveWork(
  state: State,
  request: SeenRequest,
  { response, format, work }: { readonly response: ServerResponse; readonly format: Format; readonly work: "chat" | "embed" },
): Promise<void> {
  const { number, model } = request;
  state.requests.push(request);
  state.running.most = Math.max(state.running.most, ++state.running.now);
  let isOurs = false;
  response.once("close", () => {
    state.running.now--;
    state.closed.reach(number, { atMs: performance.now(), byClient: !response.writableFinished && !isOurs });
  });
  const exchange: Exchange = {
    request,
    response,
    format,
    turn: turnOf(state, number, model),
    onHeld: () => state.held.reach(number),
    onBreak: () => (isOurs = true),
  };
  state.requested.reach(number, request);
  if (!isLetIn(state, request)) return sendJson(exchange, format.refusal("wrong-key", request));
  if (work === "chat") return playChat(exchange);
  return playWhole(exchange, JSON.stringify(format.embeddings(request, exchange.turn.dimensions ?? 4)));
}

function untold(exchange: Omit<Exchange, "onHeld" | "onBreak">): Exchange {
  return { ...exchange, onHeld() {}, onBreak() {} };
}

function isLetIn({ options: { keys } }: State, { key }: SeenRequest): boolean {
  return keys === undefined || keys.includes(key);
}

function turnOf(state: State, number: number, model: string): Turn {
  const own = state.options.models?.[model];
  if (own === undefined) return nth(state.turns, number - state.turnsFrom);
  const times = (state.byModel.get(model) ?? 0) + 1;
  state.byModel.set(model, times);
  return nth(Array.isArray(own) ? (own as readonly Turn[]) : [own as Turn], times);
}

function nth(turns: readonly Turn[], number: number): Turn {
  return turns[number - 1] ?? turns.at(-1) ?? {};
}
