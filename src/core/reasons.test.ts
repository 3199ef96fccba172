import { create, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { ErrorReason } from "../../gen/parley/v1/errors_pb.ts";
import { asFault, fault, fieldOf, reasonOf, reasons, retryAfterMsOf } from "./reasons.ts";

function encoded(detail: ConnectError["details"][number]): number {
  if (!("desc" in detail)) return detail.value.length;
  return toBinary(detail.desc, create(detail.desc, detail.value)).length;
}

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
  it("fits into the trailers of any gRPC client, whatever words of the caller's it repeats", () => {
    const word = "\u{1F600}".repeat(100_000);
    const fields = Array.from({ length: 2000 }, (_, index) => ({ field: `messages[${index}].${word}`, description: `${word} is none` }));
    const error = fault("model_not_found", `there is no model ${word}`, { fields, metadata: { model: word }, provider: word });
    const detailBytes = error.details.reduce((sum, each) => sum + encoded(each), 0);
    const messageBytes = encodeURIComponent(error.rawMessage).length;
    expect(messageBytes + ((detailBytes + Buffer.byteLength(error.rawMessage)) * 4) / 3).toBeLessThan(7500);
    expect([error.rawMessage.slice(0, 20), fieldOf(error)?.slice(0, 12)]).toEqual(["there is no model \u{1F600}", "messages[0]."]);
    expect(error.rawMessage.isWellFormed()).toBe(true);
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
