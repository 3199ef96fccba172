import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { text } from "../../core/events.ts";
import { fault } from "../../core/reasons.ts";
import type { Generate } from "../../core/work.ts";
import { playedStop, rescuedAnswer, rescuing } from "../../testing/broken-answers.ts";
import { answerOf, outlineOf, textOf } from "../../testing/collect-events.ts";
import { describeWithRealModel } from "../../testing/real-model.ts";
import { userRequest } from "../../testing/sample-request.ts";
import { tinyProvider, type TinyProvider } from "../../testing/tiny-provider.ts";

// Processes are started, and the machine may be busy.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

await describeWithRealModel("an answer of SmolLM2 that breaks off", (path) => {
  let local: TinyProvider;
  let words: string;
  const request = userRequest("Explain in three sentences why the sky is blue.", {
    model: "smollm2",
    sampling: { temperature: 0 },
    maxTokens: 200,
  });
  const generate: Generate = (asked, context) => local.provider.generate({ ...asked, model: "smollm2" }, context);
  /** The model, until it has written so many characters. */
  const cutAt = (length: number): Generate =>
    async function* (asked, context) {
      let left = length;
      for await (const event of generate(asked, context)) {
        if (event.event.case !== "text") yield event;
        else {
          const piece = event.event.value.text.slice(0, left);
          if (piece !== "") yield text(0, piece);
          left -= piece.length;
          if (left === 0) break;
        }
      }
      throw fault("engine_failed", "its process ended");
    };

  beforeAll(async () => {
    local = await tinyProvider({ load: { sequences: 2, contextLength: 512, threads: 1 } });
    await local.library.addFile("smollm2", path);
    words = textOf(await answerOf(local.provider, request));
  });
  afterAll(() => local.close());

  it.each([
    ["is gone on with to the same end, wherever it was cut", 37, true],
    ["is begun anew, and left out as far as it was told", 150, false],
  ])("%s", async (_, every, canContinue) => {
    const wrong: unknown[] = [];
    for (let cut = 3; cut < words.length; cut += every) {
      const stops = [playedStop("a", cutAt(cut)), playedStop("b", generate, { canContinue })];
      const { text: got, error, events, completed } = await rescuedAnswer(rescuing(stops), request);
      const [splice] = completed?.servedBy?.splices ?? [];
      if (got === words && outlineOf(events).join(" ") === "started text finished completed" && splice?.offset === cut) continue;
      wrong.push({ cut, got, error });
    }
    expect(wrong).toEqual([]);
  });
});
