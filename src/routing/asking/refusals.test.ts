import { expect, it } from "vitest";
import type { ChatEvent } from "../../../gen/parley/v1/chat_pb.ts";
import { fault, reasonOf } from "../../core/reasons.ts";
import { once } from "../../core/stream.ts";
import { unsent } from "../../core/unsent.ts";
import { routed } from "../../testing/routed.ts";

it.each(["unsupported_field", "context_length_exceeded"] as const)(
  "a call is told why one target failed that could have done it, not that another could not: %s",
  async (refusal) => {
    const route = routed([
      { name: "a", plays: [{ fails: refusal }] },
      { name: "b", plays: [{ fails: "provider_malformed" }] },
    ]);
    const { error, context } = await route.call();
    expect(error?.rawMessage).toBe("b fails: provider_malformed (2 attempts at 2 targets)");
    expect(context.record.attempts).toBe(2);
    const alone = routed([{ name: "a", plays: [{ fails: refusal }] }]);
    expect(reasonOf((await alone.call()).error)).toBe(refusal);
  },
);

it("a request that was refused while it was written was no attempt", async () => {
  const refusing = () => once<ChatEvent>(() => Promise.reject(unsent(fault("unsupported_field", "one answer only"))));
  const route = routed([
    { name: "a", plays: [], target: { workOf: () => refusing as never } },
    { name: "b", plays: [{ fails: "provider_malformed" }] },
  ]);
  const { error, context } = await route.call();
  expect([reasonOf(error), error?.rawMessage]).toEqual(["provider_malformed", "b fails: provider_malformed"]);
  expect(context.record.attempts).toBe(1);
});
