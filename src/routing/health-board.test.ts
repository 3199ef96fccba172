import { describe, expect, it } from "vitest";
import { healthBoard } from "./health-board.ts";

describe("health", () => {
  it("serves when ready, and nothing once it drains", () => {
    const board = healthBoard(["a.B"]);
    let changes = 0;
    const stop = board.watch(() => changes++);
    expect([board.status(""), board.status("a.B"), board.status("x")]).toEqual(["NOT_SERVING", "SERVING", undefined]);
    board.setNotReadyBecause("");
    board.setModel("m", true);
    expect([board.status(""), board.status("model:m"), board.isReady()]).toEqual(["SERVING", "SERVING", true]);
    board.drain();
    expect([...board.statuses().values()].every((status) => status === "NOT_SERVING")).toBe(true);
    expect([changes, board.isReady()]).toEqual([3, false]);
    stop();
  });
});
