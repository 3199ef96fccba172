import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startUpstream } from "../upstream/upstream.ts";
import { askVectors, type Asking } from "./ask.ts";
import type { HttpRow } from "./cells.ts";
import { cellsOf, metAs, nameOf, startWall, toldOf, type Cell, type Faulty, type Wall } from "./wall.ts";

/** Every fault of the rows, met by every kind of client, on a route that has nothing else and on one that has: what each is told is a table of data. */
export function wallTests(cells: readonly Cell[], play: () => Promise<Faulty>, asking?: Asking): void {
  describe(`faults of an upstream that speaks like ${cells[0]?.dialect}`, () => {
    let wall: Wall;
    beforeAll(async () => {
      wall = await startWall(cells, await play(), asking);
    }, 60_000);
    afterAll(() => wall.close());

    it.concurrent.each(cells.map((cell) => [nameOf(cell), cell] as const))(
      "%s",
      async (_name, cell) => {
        expect(metAs(cell, await wall.meet(cell))).toEqual(toldOf(cell));
      },
      20_000,
    );
  });
}

/** The same for chats with every format of HTTP. */
export function httpWallTests(rows: readonly HttpRow[]): void {
  for (const dialect of ["openai", "anthropic", "ollama"] as const) {
    const cells = cellsOf(rows, dialect);
    wallTests(cells, () => playedHttp(cells));
  }
}

/** The same for vectors, with the formats that have them. */
export function vectorWallTests(rows: readonly HttpRow[]): void {
  for (const dialect of ["openai", "ollama"] as const) {
    const cells = cellsOf(rows, dialect, ["unary"]);
    wallTests(cells, () => playedHttp(cells), askVectors);
  }
}

async function playedHttp(cells: readonly Cell<HttpRow>[]): Promise<Faulty> {
  const upstream = await startUpstream({
    models: Object.fromEntries(cells.map((cell) => [nameOf(cell), cell.row.turns])),
    keys: ["sk-wall"],
  });
  return {
    url: upstream.url,
    asked: (name) => upstream.requests.filter(({ model }) => model === name).length,
    close: () => upstream.close(),
  };
}
