import { seededDraw } from "../testing/seeded-random.ts";
import { outcomeOf } from "../testing/random-answer.ts";
import { randomRequest } from "../testing/random-request.ts";
import { tinyProvider } from "../testing/tiny-provider.ts";
import type { Bench } from "./bench.ts";

/** No request of a few tokens takes so long, ms. */
const mostMs = 30_000;

/** Requests that hold anything their types allow, against a real engine. */
export const fuzz: Bench = {
  what: "random requests against an engine: each must be answered, or refused with a reason; a crash or an unforeseen error ends it",
  options: {
    requests: { default: 10_000, what: "requests" },
    seed: { default: 1, what: "what they are drawn with" },
  },
  async run({ requests = 10_000, seed = 1 }, say) {
    const tiny = await tinyProvider({ load: { sequences: 4, contextLength: 512 } });
    const outcomes: Record<string, number> = {};
    const beganMs = performance.now();
    try {
      await tiny.library.add("tiny");
      const draw = seededDraw(seed);
      for (let index = 1; index <= requests; index++) {
        const outcome = await outcomeOf(tiny.provider, randomRequest("tiny", draw), mostMs);
        outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
        if (index % 1000 === 0) say(`${index} of ${requests}`);
      }
      const restarts = tiny.reports.filter(([name]) => name === "restarted").length;
      const seconds = (performance.now() - beganMs) / 1000;
      const lines = [
        `${requests} random requests in ${seconds.toFixed(0)} s, the process restarted ${restarts} times`,
        ...Object.entries(outcomes).map(([outcome, count]) => `  ${outcome.padEnd(28)}${count}`),
      ];
      for (const line of lines) say(line);
      return { lines, data: { requests, seed, seconds, restarts, outcomes } };
    } finally {
      await tiny.close();
    }
  },
};
