import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { stopDetector } from "./stops.ts";

/** What is told of a text that comes in pieces, and the stop that hit. */
function told(pieces: readonly string[], stops: readonly string[]): { readonly text: string; readonly stop: string | undefined } {
  const detector = stopDetector(stops);
  let text = "";
  for (const piece of pieces) {
    const result = detector.push(piece);
    text += result.text;
    if (result.stop !== undefined) return { text, stop: result.stop };
  }
  return { text: text + detector.flush(), stop: undefined };
}

const letters = fc.string({ unit: fc.constantFrom("a", "b", "c", "😀"), maxLength: 24 });
const someStops = fc.array(fc.string({ unit: fc.constantFrom("a", "b", "c", "😀"), minLength: 1, maxLength: 4 }), { maxLength: 3 });

describe("stop texts", () => {
  it("hit across pieces and are not part of the answer", () => {
    expect(told(["one E", "N", "D two"], ["END"])).toEqual({ text: "one ", stop: "END" });
  });

  it("hold back only what may become one", () => {
    const detector = stopDetector(["END"]);
    expect(detector.push("one EN").text).toBe("one ");
    expect(detector.push("ough").text).toBe("ENough");
  });

  it("give back at the end what did not become one", () => {
    expect(told(["one E", "N"], ["END"])).toEqual({ text: "one EN", stop: undefined });
  });

  it("hit as soon as one is complete, though a longer one began before it", () => {
    expect(told(["abcd"], ["abcde", "bc"])).toEqual({ text: "a", stop: "bc" });
  });

  it("take the longer of two that end together", () => {
    expect(told(["xabc"], ["c", "abc"])).toEqual({ text: "x", stop: "abc" });
  });

  it("say the same wherever the text is cut in two", () => {
    fc.assert(
      fc.property(letters, someStops, (text, stops) => {
        const whole = told([text], stops);
        for (let at = 0; at <= text.length; at++) expect(told([text.slice(0, at), text.slice(at)], stops)).toEqual(whole);
      }),
    );
  });

  it("say the same character by character, and never tell a stop text", () => {
    fc.assert(
      fc.property(letters, someStops, (text, stops) => {
        const single = told(Array.from(text), stops);
        expect(single).toEqual(told([text], stops));
        for (const stop of stops) expect(single.text).not.toContain(stop);
      }),
    );
  });
});
