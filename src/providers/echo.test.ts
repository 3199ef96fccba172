import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { FinishReason } from "../../gen/parley/v1/chat_pb.ts";
import { fault, reasonOf } from "../core/reasons.ts";
import { testContext } from "../testing/call-context.ts";
import { answerOf, textOf, valuesOf } from "../testing/collect-events.ts";
import { userRequest } from "../testing/sample-request.ts";
import { seededDraw } from "../testing/seeded-random.ts";
import { echo } from "./echo.ts";

describe("echo", () => {
  it("repeats the last message to the letter, white space included", async () => {
    const words = "  two  words,\n\tand a 🦜 \n ";
    expect(textOf(await answerOf(echo(), userRequest(words)))).toBe(words);
  });

  it("says a word with the white space before it, of whatever kind", async () => {
    const draw = seededDraw(5);
    const letters = ["a", "é", "🦜", " ", "\n", "\u00a0", "\u3000", "\ufeff", "\u2028", "\u0085", "\u200b"];
    for (let round = 0; round < 200; round++) {
      const words = Array.from({ length: draw(12) + 1 }, () => letters[draw(letters.length)]).join("");
      const request = userRequest(words);
      const events = await Array.fromAsync(echo().generate(request, { ...testContext(request), isWhole: false }));
      expect(valuesOf(events, "text").map((each) => each.text)).toEqual(words.match(/\s*\S+|\s+$/gu));
    }
  });

  it("says all of a choice at once to those who read nothing before the end", async () => {
    const events = await answerOf(echo(), userRequest("one two three", { choices: 2, maxTokens: 2 }));
    expect(valuesOf(events, "text").map(({ choice, text }) => [choice, text])).toEqual([
      [0, "one two"],
      [1, "one two"],
    ]);
    expect(valuesOf(await answerOf(echo(), userRequest("one", { stop: ["one"] })), "text")).toEqual([]);
  });

  it("ends at max_tokens, and by itself where the message is no longer", async () => {
    const cut = await answerOf(echo(), userRequest("one two three", { maxTokens: 2 }));
    expect([textOf(cut), valuesOf(cut, "finished")[0]?.reason]).toEqual(["one two", FinishReason.LENGTH]);
    const whole = await answerOf(echo(), userRequest("one two three", { maxTokens: 3 }));
    expect(valuesOf(whole, "finished")[0]?.reason).toBe(FinishReason.STOP);
  });

  it("ends before the first stop text, and says which it was", async () => {
    const events = await answerOf(echo(), userRequest("one two three", { stop: ["three", "two"] }));
    expect([textOf(events), valuesOf(events, "finished")[0]?.stopSequence]).toEqual(["one ", "two"]);
  });

  it("lets timers and other calls have their turn, so that a deadline ends it", async () => {
    const caller = new AbortController();
    const long = userRequest("a ".repeat(200_000), { choices: 128 });
    const answer = answerOf(echo(), long, { signal: caller.signal }).catch((error: unknown) => error);
    await delay(1);
    caller.abort(fault("deadline_exceeded", "late"));
    expect(reasonOf(await answer)).toBe("deadline_exceeded");
  });
});
