import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Dialect, WallRow } from "./cells.ts";
import { cellsOf, metAs, nameOf, startWall, toldOf, type Wall } from "./wall.ts";

/** Every fault of the rows, met by every kind of client, on a route that has nothing else and on one that has: what each is told is a table of data. */
export function wallTests(rows: readonly WallRow[]): void {
  describe.each<Dialect>(["openai", "anthropic", "ollama"])("faults of an upstream that speaks like %s", (dialect) => {
    const cells = cellsOf(rows, dialect);
    let wall: Wall;
    beforeAll(async () => {
      wall = await startWall(cells);
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
