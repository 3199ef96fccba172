import type { JsonObject } from "@bufbuild/protobuf";
import { reasons } from "../../core/reasons.ts";
import { grpcJsClient } from "../grpc-js-client.ts";
import { startTestServer } from "../test-server.ts";
import { startUpstream } from "../upstream/upstream.ts";
import { ask, type Asking, type Told } from "./ask.ts";
import { mostAttempts, type Dialect, type Door, type Expected, type Mode, type WallRow } from "./cells.ts";

/** One cell of the wall: a fault, and all ways in which it is met. */
export interface Cell<Row extends WallRow = WallRow> {
  readonly row: Row;
  readonly dialect: Dialect;
  readonly mode: Mode;
  readonly door: Door;
  readonly isPaired: boolean;
}

/** A service in front of a scripted upstream with every cell as a route. */
export interface Wall {
  /** What a client of a cell's route was told, how often the faulty target was asked, and how long it took. */
  meet(cell: Cell): Promise<Met>;
  close(): Promise<void>;
}

/** What became of a cell. */
export interface Met {
  readonly told: Told;
  readonly asked: number;
  readonly tookMs: number;
}

/** Limits of a target whose fault is silence, s: long enough for content to come on a machine that does much else. All others have more than any test takes. */
const silentSeconds = 1;
const patientSeconds = 30;
/** What a call may take beyond the limits of its targets: a machine that does much else, and backoff. */
const slackMs = 5000;

/** Every cell of some rows for one format. */
export function cellsOf<Row extends WallRow>(
  rows: readonly Row[],
  dialect: Dialect,
  modes: readonly Mode[] = ["stream", "unary"],
): Cell<Row>[] {
  const ways = modes.flatMap((mode) =>
    (["grpc", "rest"] as const).flatMap((door) => [false, true].map((isPaired) => ({ mode, door, isPaired }))),
  );
  return rows.filter(({ dialects }) => dialects?.includes(dialect) ?? true).flatMap((row) => ways.map((way) => ({ row, dialect, ...way })));
}

/** What must become of a cell. */
function expectedOf({ row, dialect, mode, isPaired }: Cell): Expected {
  const { alone, paired } = row.but?.[dialect]?.[mode] ?? row[mode];
  return isPaired ? paired : alone;
}

/** Name of a cell's route, of its upstream and of its model there: nothing that one cell's failure teaches is known to another. */
export function nameOf({ row, dialect, mode, door, isPaired }: Cell): string {
  return `${row.name}-${dialect}-${mode}-${door}${isPaired ? "-2" : ""}`;
}

/** Name of the upstream that stands beside it and is well. */
function wellOf(cell: Cell): string {
  return `${nameOf(cell)}-well`;
}

/** The same as what a client must be told. */
export function toldOf(cell: Cell): unknown {
  const { reason, isBroken = false, asked, isFallback = false, tellsWhen = false } = expectedOf(cell);
  const isGrpc = cell.door === "grpc";
  const all = { asked: cell.row.isAway === true ? 0 : asked, limitMs: limitOf(cell), isInTime: true, tellsWhen };
  if (reason === undefined) {
    const served = { attempts: asked + (isFallback ? 1 : 0), isFallback };
    return { ...all, hasText: true, status: isGrpc ? 0 : 200, error: undefined, isClean: true, served };
  }
  const { code, http } = reasons[reason];
  // The one 429 that is not worth repeating has a code of its own.
  const openaiCode = cell.row.name === "no-quota" ? "insufficient_quota" : reasons[reason].openaiCode;
  const restStatus = isBroken ? 200 : http;
  const told = isGrpc ? { status: code, error: reason } : { status: restStatus, error: openaiCode };
  return { ...all, ...told, hasText: isBroken, isClean: false, served: undefined };
}

/** How long a cell's call may take, ms. */
function limitOf({ row }: Cell): number {
  return (row.silence === undefined ? 0 : silentSeconds * 1000) + slackMs;
}

/** What it was told, in the same shape. */
export function metAs(cell: Cell, { told, asked, tookMs }: Met): unknown {
  const { text, ...rest } = told;
  const limitMs = limitOf(cell);
  return { asked, isInTime: tookMs < limitMs, limitMs, hasText: text !== "", ...rest };
}

/** What plays the faults of all cells, by the name of the cell's model. */
export interface Faulty {
  readonly url: string;
  /** How often a model was asked. */
  asked(model: string): number;
  close(): Promise<void>;
}

/** Starts it in front of what plays the faults. */
export async function startWall(cells: readonly Cell[], faulty: Faulty, asking: Asking = ask): Promise<Wall> {
  const well = await startUpstream();
  const server = await startTestServer({ config: configOf(cells, { faulty: faulty.url, well: well.url }) });
  const reached = { url: server.url, ...clientsOf(server.port) };
  return {
    async meet(cell) {
      const name = nameOf(cell);
      const sinceMs = performance.now();
      const told = await asking(reached, name, cell);
      return { told, asked: faulty.asked(name), tookMs: performance.now() - sinceMs };
    },
    async close() {
      reached.chat.close();
      reached.embedding.close();
      await server.close();
      await Promise.all([faulty.close(), well.close()]);
    },
  };
}

function clientsOf(port: number) {
  return { chat: grpcJsClient(port, "parley.v1.ChatService"), embedding: grpcJsClient(port, "parley.v1.EmbeddingService") };
}

function configOf(cells: readonly Cell[], urls: { readonly faulty: string; readonly well: string }): JsonObject {
  const paired = cells.filter(({ isPaired }) => isPaired);
  return {
    upstreams: [
      ...cells.map((cell) => ({ name: nameOf(cell), kind: cell.dialect, ...placeOf(cell.row, urls.faulty) })),
      // One each: what falls back to an upstream is part of that one's budget.
      ...paired.map((cell) => ({ name: wellOf(cell), kind: "openai", ...placeOf({}, urls.well) })),
    ],
    routes: cells.map((cell) => ({
      model: nameOf(cell),
      targets: [{ upstream: nameOf(cell) }, ...(cell.isPaired ? [{ upstream: wellOf(cell), model: "well" }] : [])],
    })),
    limits: {
      values: { maxAttempts: mostAttempts, retryBaseMs: 1, retryCapMs: 2, maxUpstreamLineBytes: 100_000, maxUpstreamBodyBytes: 100_000 },
    },
  };
}

/** Where nobody listens. */
const nowhere = "http://127.0.0.1:1";

function placeOf({ silence, isAway = false }: Pick<WallRow, "silence" | "isAway">, url: string): JsonObject {
  return {
    baseUrl: isAway ? nowhere : url,
    apiKeys: ["sk-wall"],
    timeoutSeconds: silence === undefined ? patientSeconds : silentSeconds,
    // What comes late on a busy machine is no fault of a target that sends some content before it falls silent.
    firstTokenSeconds: silence === "early" ? silentSeconds : patientSeconds,
    idleSeconds: silence === "late" ? silentSeconds : patientSeconds,
  };
}
