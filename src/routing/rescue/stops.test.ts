import { describe, expect, it } from "vitest";
import { fault } from "../../core/reasons.ts";
import type { Generate } from "../../core/work.ts";
import { breaking, piecesOf, playedStop, prefixOf, rescuedAnswer, rescuing, restOf, saying } from "../../testing/broken-answers.ts";
import { outlineOf } from "../../testing/collect-events.ts";
import { userRequest } from "../../testing/sample-request.ts";

const reset = fault("provider_unavailable", "the connection was reset");
/** What an upstream says that ends at its stop texts, as all do in their own answer. */
const stopping = (whole: string): Generate =>
  async function* (request, context) {
    const rest = prefixOf(request) === undefined ? whole : restOf(whole, request);
    const hits = request.stop.map((stop) => rest.indexOf(stop)).filter((at) => at >= 0);
    yield* saying(() => [rest.slice(0, Math.min(rest.length, ...hits))])(request, context);
  };

describe("stop texts across the cut", () => {
  const whole = "one two ENDED three\n\nfour";
  it.each([["ENDED"], ["END", "NDE"], ["\n\n"], ["EN", "ENDED"], ["o E"], ["four!"]])("%j %j", async (...stop) => {
    const hits = stop.map((each) => whole.indexOf(each)).filter((at) => at >= 0);
    const right = whole.slice(0, Math.min(whole.length, ...hits));
    // the upstream that breaks tells beginnings of stop texts, as careless ones do
    for (let cut = 1; cut <= right.length + Math.max(...stop.map(({ length }) => length)) - 1 && cut <= whole.length; cut++)
      for (const canContinue of [true, false]) {
        const stops = [
          playedStop("a", breaking(piecesOf(whole.slice(0, cut), 2), reset)),
          playedStop("b", stopping(whole), { canContinue }),
        ];
        const { text: words, error } = await rescuedAnswer(rescuing(stops), userRequest("x", { stop }));
        const isPast = stop.some((each) => whole.slice(0, cut).includes(each));
        if (!isPast) expect([words, error], `cut ${cut}, continues ${canContinue}`).toEqual([right, undefined]);
      }
  });

  it("hold back nothing of an answer that ends well", async () => {
    const pieces = ["a\n", "\nb E", "N", "D", "X EN"];
    const { events, text: words } = await rescuedAnswer(
      rescuing([
        playedStop(
          "a",
          saying(() => pieces),
        ),
      ]),
      userRequest("x", { stop: ["ENDED", "\n\n\n"] }),
    );
    expect([words, outlineOf(events)]).toEqual([pieces.join(""), ["started", "text", "finished", "completed"]]);
  });

  it("take linear time, whatever they are", async () => {
    const stop = Array.from({ length: 16 }, (_, index) => `${"a".repeat(1000 + index)}b`);
    const pieces = Array.from({ length: 500 }, () => "a".repeat(200));
    const since = performance.now();
    const { text: words } = await rescuedAnswer(
      rescuing([
        playedStop(
          "a",
          saying(() => pieces),
        ),
      ]),
      userRequest("x", { stop }),
    );
    expect(words.length).toBe(100_000);
    expect(performance.now() - since).toBeLessThan(2000); // 1.6 million steps; a naive search takes 1.6 billion
  });
});
