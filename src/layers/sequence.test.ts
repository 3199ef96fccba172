import { describe, expect, it } from "vitest";
import { answer } from "../testing/answers.ts";
import { testContext as contextOf } from "../testing/call-context.ts";
import { eventsOf } from "../testing/collect-events.ts";
import { userRequest } from "../testing/sample-request.ts";
import { sequence } from "./sequence.ts";

const request = userRequest("hi");
const testContext = (given = {}) => contextOf(request, given);

describe("sequence", () => {
  it("numbers events from 0 without a hole and leaves the provider's own untouched", async () => {
    const events = answer(["a", "b"]);
    const numbered = await eventsOf(
      sequence(async function* () {
        yield* events;
      })(request, testContext()),
    );
    expect(numbered.map((event) => event.sequence)).toEqual([0, 1, 2, 3, 4]);
    expect(events.every((event) => event.sequence === 0)).toBe(true);
  });
});
