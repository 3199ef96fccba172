import { expect, it } from "vitest";
import { reasonOf } from "../../../core/reasons.ts";
import { thrownBy } from "../../../testing/thrown-by.ts";
import { RequestIds } from "./request-ids.ts";

it("an id is one tenant's, taken while its call runs, and free again when that had no answer", () => {
  const ids = new RequestIds();
  const first = ids.take("a", "1");
  expect(reasonOf(thrownBy(() => ids.take("a", "1")))).toBe("idempotency_conflict");
  ids.take("b", "1").leave();
  first.leave();
  const second = ids.take("a", "1");
  second.keep();
  second.leave();
  expect(reasonOf(thrownBy(() => ids.take("a", "1")))).toBe("unimplemented");
  ids.take("b", "1").leave();
});

it("ids of the last 10,000 answers are remembered, so that their memory has an end", () => {
  const ids = new RequestIds();
  for (let number = 0; number <= 10_000; number++) {
    const taken = ids.take("a", String(number));
    taken.keep();
    taken.leave();
  }
  ids.take("a", "0").leave();
  expect(reasonOf(thrownBy(() => ids.take("a", "1")))).toBe("unimplemented");
});
