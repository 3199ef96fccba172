import { describe, expect, it } from "vitest";
import { PrefillShare, type Reader } from "./prefill-share.ts";

const reader = (share: PrefillShare, left: number, more: Partial<Reader> = {}): Reader & { left: number } => ({
  priority: "interactive",
  left,
  waiting: 1,
  clock: share.now,
  ...more,
});

/** Shares ticks until all have read everything; answers with the tick each was done in, and what each had got by then. */
function ticks(share: PrefillShare, readers: (Reader & { left: number })[], tokens: number): number[] {
  const doneIn = readers.map(() => 0);
  for (let tick = 1; readers.some(({ left }) => left > 0); tick++) {
    const given = share.share(readers, tokens);
    expect(given.reduce((sum, each) => sum + each, 0)).toBeLessThanOrEqual(tokens);
    for (const [index, each] of readers.entries()) {
      each.left -= given[index]!;
      if (each.left === 0) doneIn[index] ||= tick;
    }
  }
  return doneIn;
}

describe("prompts that are read at once", () => {
  it("get equal parts of a large tick", () => {
    const share = new PrefillShare();
    const readers = [1, 2, 3, 4].map(() => reader(share, 1000));
    expect(share.share(readers, 512)).toEqual([128, 128, 128, 128]);
  });

  it("get equal parts of a small tick, so that prompts of one length end together", () => {
    const share = new PrefillShare();
    const readers = [1, 2].map(() => reader(share, 1000));
    expect([share.share(readers, 40), share.share(readers, 40)]).toEqual([
      [20, 20],
      [20, 20],
    ]);
    expect(
      ticks(
        share,
        [1, 2, 3].map(() => reader(share, 64)),
        48,
      ),
    ).toEqual([4, 4, 4]);
  });

  it("take turns where there are fewer tokens than prompts", () => {
    const share = new PrefillShare();
    const readers = [1, 2, 3].map(() => reader(share, 1000));
    expect([share.share(readers, 2), share.share(readers, 2), share.share(readers, 2)]).toEqual([
      [1, 1, 0],
      [1, 0, 1],
      [0, 1, 1],
    ]);
  });

  it("waste nothing of a tick when one needs less", () => {
    const share = new PrefillShare();
    expect(share.share([reader(share, 10), reader(share, 1000)], 512)).toEqual([10, 502]);
    expect(share.share([reader(share, 10)], 512)).toEqual([10]);
  });

  it("do not wait for a long one that came first", () => {
    const share = new PrefillShare();
    const long = reader(share, 10_000);
    share.share([long], 6400);
    const [, short] = ticks(share, [long, reader(share, 100)], 64);
    expect(short).toBeLessThanOrEqual(5);
  });

  it("all come to their turn, however many come after them", () => {
    const share = new PrefillShare();
    const long = reader(share, 640);
    let read = 0;
    for (let tick = 0; tick < 100 && read < 640; tick++) {
      const [given = 0] = share.share([long, reader(share, 64)], 64);
      read += given;
      long.left -= given;
    }
    expect(read).toBe(640);
  });

  it("of batch are slower by a factor, and never starve", () => {
    const share = new PrefillShare();
    const [interactive, batch] = [reader(share, 1e6), reader(share, 1e6, { priority: "batch" })];
    let [ofInteractive, ofBatch] = [0, 0];
    for (let tick = 0; tick < 100; tick++) {
      const [one = 0, other = 0] = share.share([interactive, batch], 64);
      ofInteractive += one;
      ofBatch += other;
    }
    expect(ofInteractive / ofBatch).toBeCloseTo(4, 0);
  });

  it("are read for all who wait for them", () => {
    const share = new PrefillShare();
    const [wanted, other] = [reader(share, 1e6, { waiting: 4 }), reader(share, 1e6)];
    let [ofWanted, ofOther] = [0, 0];
    for (let tick = 0; tick < 100; tick++) {
      const [one = 0, two = 0] = share.share([wanted, other], 64);
      ofWanted += one;
      ofOther += two;
    }
    expect(ofWanted / ofOther).toBeCloseTo(4, 0);
  });
});
