import { expect, it } from "vitest";
import { accepted, chatEvent, started, text } from "../../core/events.ts";
import { ChunkWriter } from "./chunks.ts";
import { servedComment, servedHeaders } from "./served.ts";

const served = {
  $typeName: "parley.v1.ServedBy" as const,
  ...{
    provider: "openai",
    model: "org/größer\n: [DONE]\ud83d\ude00",
    attempts: 3,
    retries: 1,
    fallback: true,
    cacheHit: false,
    rateLimited: true,
  },
  ...{ hedged: true, splices: [{ $typeName: "parley.v1.Splice" as const, choice: 0, offset: 7, provider: "vllm", model: "m" }] },
};

it("tells who served in values that any header may hold", () => {
  expect(servedHeaders(served)).toEqual({
    "x-parley-provider": "openai",
    "x-parley-model": "org/gr%C3%B6%C3%9Fer%0A:%20[DONE]%F0%9F%98%80",
    "x-parley-attempts": "3",
    "x-parley-retries": "1",
    "x-parley-fallback": "true",
    "x-parley-hedged": "true",
    "x-parley-splices": "1",
  });
  expect(() => new Headers(servedHeaders({ ...served, model: "half \ud83d" }))).not.toThrow();
});

it("tells it in one line of comment, and nothing where nothing is known", () => {
  expect(servedComment(served)).toMatch(/^: parley-served [^\n]+\n\n$/);
  expect(servedComment(undefined)).toBe("");
});

it("names another model than was asked for from the first chunk on", () => {
  const writer = new ChunkWriter({ includeUsage: false });
  writer.write(accepted({ id: "i", model: "asked", createdMs: 0 }));
  const begin = started("p", "there");
  const frames = writer.write(chatEvent({ case: "started", value: { ...(begin.event.value as object), answerModel: "other" } as never }));
  expect(frames).toContain('"model":"other"');
  expect(frames + writer.write(text(0, "x"))).not.toContain('"model":"asked"');
});
