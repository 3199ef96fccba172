import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { ErrorReason } from "../../gen/parley/v1/errors_pb.ts";
import { asFault, fault, fieldOf, reasonOf, reasons, retryAfterMsOf } from "./reasons.ts";

describe("the table of reasons", () => {
  it("has a row for each reason of the contract and no other", () => {
    const names = Object.keys(ErrorReason).filter((name) => name !== "UNSPECIFIED");
    expect(Object.keys(reasons).toSorted()).toEqual(names.map((name) => name.toLowerCase()).toSorted());
  });
  it("carries reason, wait, fields and provider over the wire's details", () => {
    const error = fault("queue_full", "full", {
      retryAfterMs: 1500,
      provider: "p",
      fields: [{ field: "stop[0]", description: "is empty" }],
    });
    expect([reasonOf(error), retryAfterMsOf(error), fieldOf(error), error.code]).toEqual([
      "queue_full",
      1500,
      "stop[0]",
      Code.ResourceExhausted,
    ]);
  });
  it("makes what is not ours opaque, and keeps the cause", () => {
    const cause = new Error("secret");
    const error = asFault(cause);
    expect([reasonOf(error), error.rawMessage, error.cause]).toEqual(["internal", "internal error", cause]);
  });
  it("reads Connect's own errors by their code", () => {
    expect(reasonOf(new ConnectError("x", Code.DeadlineExceeded))).toBe("deadline_exceeded");
    expect(reasonOf(new ConnectError("x", Code.Canceled))).toBe("caller_gone");
  });
});
