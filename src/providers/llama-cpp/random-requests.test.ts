import { expect, it } from "vitest";
import { seededDraw } from "../../testing/seeded-random.ts";
import { outcomeOf } from "../../testing/random-answer.ts";
import { randomRequest } from "../../testing/random-request.ts";
import { tinyProvider } from "../../testing/tiny-provider.ts";

it("200 random requests are answered, or refused for a reason, and end no process", async () => {
  const tiny = await tinyProvider({ load: { sequences: 4, contextLength: 512 } });
  try {
    await tiny.library.add("tiny");
    const draw = seededDraw(3);
    const outcomes = new Set<string>();
    for (let request = 0; request < 200; request++) outcomes.add(await outcomeOf(tiny.provider, randomRequest("tiny", draw), 30_000));
    expect([...outcomes]).toEqual(expect.arrayContaining(["answered", "refused before the provider"]));
    expect(tiny.reports.filter(([name]) => name === "restarted")).toEqual([]);
  } finally {
    await tiny.close();
  }
}, 60_000);
