import { Writable } from "node:stream";
import { describe, expect, it } from "vitest";
import { PullPhase, type PullModelResponse } from "../../gen/parley/v1/models_pb.ts";
import { pullProgress, type PullProgress } from "../library/pull-progress.ts";
import { sizeText } from "../core/size-text.ts";
import { renderPull, showPull } from "./progress-bar.ts";

const source = "the hub example.com";

function step(more: Partial<PullProgress>): PullModelResponse {
  return pullProgress({ model: "m", phase: PullPhase.DOWNLOADING, source, ...more });
}

const half = step({ doneBytes: 50_000_000, totalBytes: 100_000_000, bytesPerSecond: 2_500_000 });

function output(options: { readonly isTTY?: boolean; readonly columns?: number } = {}) {
  const chunks: string[] = [];
  const stream = new Writable({ write: (chunk: Buffer, _, done) => (chunks.push(chunk.toString()), done()) });
  return { err: Object.assign(stream, options), text: () => chunks.join("") };
}

async function* steps(...list: PullModelResponse[]): AsyncGenerator<PullModelResponse> {
  yield* list;
}

describe("the line of a pull", () => {
  it("has a bar, the share, the amounts, the rate and the time left", () => {
    expect(renderPull(half, "m", 120)).toBe("m  [############............]   50 %  50.0 MB of 100.0 MB  2.5 MB/s  0:20 left");
  });

  it("has no bar where there is no room, and names the source where nothing is redrawn", () => {
    expect(renderPull(half, "m", 60)).toBe("m   50 %  50.0 MB of 100.0 MB  2.5 MB/s  0:20 left");
    expect(renderPull(half, "m", 0)).toBe(`m   50 %  50.0 MB of 100.0 MB  2.5 MB/s  0:20 left  from ${source}`);
  });

  it("says what is known where the size or the rate is not", () => {
    expect(renderPull(step({ doneBytes: 1500 }), "m", 80)).toBe("m  1.5 kB");
    expect(renderPull(step({ doneBytes: 0, totalBytes: 10, bytesPerSecond: 0 }), "m", 60)).toBe("m    0 %  0 B of 10 B  0 B/s");
  });

  it.each([
    [PullPhase.CONNECTING, `m: asking ${source}`],
    [PullPhase.VERIFYING, `m: checking what came from ${source}`],
    [PullPhase.DONE, "m: on disk"],
  ])("says phase %i in words", (phase, words) => {
    expect(renderPull(step({ phase }), "m", 80)).toBe(words);
  });

  it.each([
    [999, "999 B"],
    [1000, "1.0 kB"],
    [999_999, "1.0 MB"],
    [98_362_432, "98.4 MB"],
    [5e15, "5000.0 TB"],
  ])("says %i bytes as %s", (bytes, text) => {
    expect(sizeText(bytes)).toBe(text);
  });
});

describe("a pull that is shown", () => {
  it("redraws one line on a terminal, never wider than it, and leaves it clean", async () => {
    const { err, text } = output({ isTTY: true, columns: 40 });
    await showPull(steps(step({ phase: PullPhase.CONNECTING }), half), { id: "m", err });
    expect(text()).toBe(`\r\u001b[Km: asking ${source}\r\u001b[K${renderPull(half, "m", 40).slice(0, 39)}\r\u001b[Km: on disk\n`);
  });

  it("prints a plain line at each change and every few seconds elsewhere", async () => {
    const { err, text } = output();
    let nowMs = 0;
    const clock = { now: () => (nowMs += 1000) };
    const connecting = step({ phase: PullPhase.CONNECTING });
    await showPull(steps(connecting, half, half, half, half, step({ phase: PullPhase.VERIFYING })), { id: "m", err, clock });
    const line = renderPull(half, "m", 0);
    expect(text().split("\n")).toEqual([`m: asking ${source}`, line, line, `m: checking what came from ${source}`, "m: on disk", ""]);
  });

  it("throws what the pull throws, with the line cleared and nothing said of an end", async () => {
    const { err, text } = output({ isTTY: true });
    const failing = async function* () {
      yield half;
      throw new Error("no source");
    };
    await expect(showPull(failing(), { id: "m", err })).rejects.toThrow("no source");
    expect(text().endsWith("\r\u001b[K")).toBe(true);
  });
});
