import { isDeepStrictEqual } from "node:util";
import { describe, expect, it } from "vitest";
import type { ChatRequest } from "../../../gen/parley/v1/chat_pb.ts";
import { reasonOf } from "../../core/reasons.ts";
import {
  breaking,
  piecesOf,
  playedStop,
  prefixOf,
  rescuedAnswer,
  rescuing,
  restOf,
  saying,
  type PlayedStop,
} from "../../testing/broken-answers.ts";
import { outlineOf, valuesOf } from "../../testing/collect-events.ts";
import { userRequest } from "../../testing/sample-request.ts";
import { sixtyWords } from "../../testing/sixty-words.ts";

const cuts = Array.from({ length: sixtyWords.length }, (_, index) => index + 1);
const isHalf = (cut: number) => /[\ud800-\udbff]/.test(sixtyWords.charAt(cut - 1));
const broken = (cut: number, size: number) => playedStop("a", breaking(piecesOf(sixtyWords.slice(0, cut), size)));

/** Checks every cut: what is wrong, by cut and size of the pieces. */
async function wrongAt(check: (cut: number, size: number) => Promise<unknown>): Promise<unknown[]> {
  const wrong: unknown[] = [];
  for (const cut of cuts)
    for (const size of [1, 3, 8]) {
      const found = await check(cut, size);
      if (found !== undefined) wrong.push({ cut, size, found });
    }
  return wrong;
}

/** What differs from an answer that was brought to its end by the second target; undefined: nothing. */
async function notWhole(stops: readonly PlayedStop[], cut: number, sampling?: { readonly temperature: number }): Promise<unknown> {
  const request = userRequest("tell", sampling && { sampling });
  const { events, text, error, completed } = await rescuedAnswer(rescuing(stops), request);
  const { splices = [], provider, attempts } = completed?.servedBy ?? {};
  const got = {
    ...{ error, text, outline: outlineOf(events), finished: valuesOf(events, "finished").length, provider, attempts },
    started: valuesOf(events, "started").map((each) => each.provider),
    splices: splices.map((each) => [each.provider, each.offset]),
  };
  const wanted = {
    ...{
      error: undefined,
      text: sixtyWords,
      outline: ["started", "text", "finished", "completed"],
      finished: 1,
      provider: "b",
      attempts: 2,
    },
    started: ["a"],
    splices: [["b", isHalf(cut) ? cut - 1 : cut]],
  };
  return isDeepStrictEqual(got, wanted) ? undefined : got;
}

describe("a text answer that breaks off, at every place within its words and characters", () => {
  it.each([[1], [0]])("is gone on with from its text at temperature %d, by a target that can", async (temperature) => {
    const wrong = await wrongAt((cut, size) => {
      // within its first word, an answer at temperature 0 is begun anew
      const isAnew = (request: ChatRequest) => temperature === 0 && prefixOf(request) === undefined;
      const goesOn = saying((request) => piecesOf(isAnew(request) ? sixtyWords : restOf(sixtyWords, request), size));
      return notWhole([broken(cut, size), playedStop("b", goesOn, { canContinue: true })], cut, { temperature });
    });
    expect(wrong).toEqual([]);
  });

  it("is gone on with by a target that leaves out the white space it was not given", async () => {
    const wrong = await wrongAt((cut, size) => {
      const isAfterSpace = /\s/.test(sixtyWords.charAt(cut - 1)) && !/\s/.test(sixtyWords.charAt(cut));
      if (!isAfterSpace) return Promise.resolve(undefined);
      const goesOn = saying((request) => piecesOf(restOf(sixtyWords, request).trimStart(), size));
      return notWhole([broken(cut, size), playedStop("b", goesOn, { canContinue: true })], cut);
    });
    expect(wrong).toEqual([]);
  });

  it("is begun anew by a target that cannot go on, and what the client has is left out", async () => {
    for (const pieces of [2, 7, 1000]) {
      const again = saying(() => piecesOf(sixtyWords, pieces));
      expect(await wrongAt((cut, size) => notWhole([broken(cut, size), playedStop("b", again)], cut))).toEqual([]);
    }
  });

  it("ends with the error of the break, and with nothing told twice or changed, where other words come", async () => {
    const reworded = sixtyWords.replace("Well", "Oh").replace("café", "cafe");
    const wrong = await wrongAt(async (cut, size) => {
      const { events, text, error, outcomes } = await rescuedAnswer(
        rescuing([
          broken(cut, size),
          playedStop(
            "b",
            saying(() => piecesOf(reworded, 4)),
          ),
        ]),
      );
      const told = sixtyWords.slice(0, isHalf(cut) ? cut - 1 : cut);
      const isHonest = text === told && reasonOf(error) === "provider_unavailable" && error?.rawMessage.includes("other words");
      return isHonest && !outlineOf(events).includes("finished") && outcomes[0] === "differs" ? undefined : { text, error };
    });
    expect(wrong).toEqual([]);
  });
});
