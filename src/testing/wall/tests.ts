import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startUpstream } from "../upstream/upstream.ts";
import type { Dialect, HttpRow, WallRow } from "./cells.ts";
import { cellsOf, metAs, nameOf, startWall, toldOf, type Faulty, type Wall } from "./wall.ts";

/** Every fault of the rows, met by every kind of client, on a route that has nothing else and on one that has: what each is told is a table of data. */
export function wallTests(rows: readonly WallRow[], dialect: Dialect, play: () => Promise<Faulty>): void {
  describe(`faults of an upstream that speaks like ${dialect}`, () => {
    const cells = cellsOf(rows, dialect);
    let wall: Wall;
    beforeAll(async () => {
      wall = await startWall(cells, await play());
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

/** The same for every format of HTTP. */
export function httpWallTests(rows: readonly HttpRow[]): void {
  for (const dialect of ["openai", "anthropic", "ollama"] as const) wallTests(rows, dialect, () => playedHttp(rows, dialect));
}

async function playedHttp(rows: readonly HttpRow[], dialect: Dialect): Promise<Faulty> {
  const models = Object.fromEntries(rows.flatMap((row) => cellsOf([row], dialect).map((cell) => [nameOf(cell), row.turns])));
  const upstream = await startUpstream({ models, keys: ["sk-wall"] });
  return {
    url: upstream.url,
    asked: (name) => upstream.requests.filter(({ model }) => model === name).length,
    close: () => upstream.close(),
  };
}
