import { describe, expect, it } from "vitest";
import { FinishReason, type ChatEvent } from "../../../gen/parley/v1/chat_pb.ts";
import { finished, started, text } from "../../core/events.ts";
import { textOf } from "../../testing/collect-events.ts";
import { continuedJoin, orAnewJoin, type Join } from "./join.ts";

/** What the client has in the end: a text, or that it came in other words. */
function joined(told: string, join: Join, pieces: readonly string[]): string {
  const events: ChatEvent[] = [];
  for (const event of [started("", ""), ...pieces.map((piece) => text(0, piece)), finished(0, FinishReason.STOP)]) {
    const out = join(event);
    if (out === "differs") return "differs";
    if (out !== "nothing") events.push(...(Array.isArray(out) ? out : [out]));
  }
  expect(events.at(-1)?.event.case).toBe("finished");
  return told + textOf(events);
}

/** The text in one piece, and character by character. */
const cuts = (words: string) => [[words], words.split("")];

describe("white space where an answer is gone on with", () => {
  it.each([
    ["Dear Zoe, \n\n", "\n\nthe sea", "Dear Zoe, \n\nthe sea"],
    ["x \n", "\ny", "x \ny"],
    ["x \n", " \ny", "x \ny"],
    ["x\n", "\n\ny", "x\n\ny"],
    ["x \n", "\n\ny", "x \n\ny"],
    ["x ", "\ny", "x y"],
    ["x\n", "  y", "x\ny"],
    ["x\n\n", "y", "x\n\ny"],
    ["x", "\n y", "x\n y"],
    ["x", "y", "xy"],
    ["x ", "  ", "x  "],
    ["x ", "y z", "x y z"],
  ])("%j and %j are %j", (told, more, whole) => {
    for (const pieces of cuts(more)) expect(joined(told, continuedJoin(told.slice(told.trimEnd().length)), pieces)).toBe(whole);
  });
});

describe("what should go on, and begins anew", () => {
  const told = "Once upon a time there was ";
  const goOn = (known = told) => orAnewJoin(known, continuedJoin(known.slice(known.trimEnd().length)));

  it.each([
    ["goes on", "a king.", `${told}a king.`],
    ["begins with the whole text: the rest is told", `${told}a king.`, `${told}a king.`],
    ["has white space before that", `\n${told}a king.`, `${told}a king.`],
    ["is that text and no more", told, told],
    ["begins with its first words and then differs", "Once upon a time there were kings", "differs"],
    ["ends before that text does", "Once upon a time there", "differs"],
    ["repeats a few of its words by chance", "Once upon a hill lived a king", `${told}Once upon a hill lived a king`],
    ["repeats so few and ends", "Once upon", `${told}Once upon`],
  ])("%s", (_name, more, whole) => {
    for (const pieces of cuts(more)) expect(joined(told, goOn(), pieces)).toBe(whole);
  });

  it("is taken for going on where what was told is short, and known by its length where nothing has spaces", () => {
    expect(joined("no, no, ", goOn("no, no, "), ["no, no, no!"])).toBe("no, no, no, no, no!");
    const long = "海".repeat(40);
    expect(joined(long, goOn(long), [`${long}山`])).toBe(`${long}山`);
  });

  it("is not waited for behind endless white space", () => {
    const join = goOn();
    let waited = 0;
    while (join(text(0, " ".repeat(10))) === "nothing" && waited < 1000) waited++;
    expect(waited).toBeLessThan(20);
  });
});
