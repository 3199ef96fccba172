import type { Bench } from "./bench.ts";
import type { Contestant, Outcome } from "./local/contestant.ts";
import { setup, startOwn, startPlain, startService } from "./local/contestants.ts";
import { freshPrompt } from "./local/prompts.ts";
import { compare } from "./local/turns.ts";

/** How long a running stream stands still while a long prompt enters. */
export const gap: Bench = {
  what: "the longest gap between two tokens of a running stream while a long prompt enters, and how long that prompt takes, beside plain evaluate() loops",
  options: {
    rounds: { default: 5, what: "rounds; each measures everything once" },
    prompt: { default: 700, what: "tokens of the prompt that enters" },
  },
  async run({ rounds = 5, prompt = 700 }, say) {
    const common = await setup();
    const contestants: Contestant[] = [];
    try {
      contestants.push(await startPlain(common), await startOwn(common), await startService(common));
      const run = () => ({
        streams: [
          { prompt: freshPrompt(16), newTokens: 300, after: 0 },
          { prompt: freshPrompt(prompt), newTokens: 1, after: 10 },
        ],
      });
      const [gaps = [], firsts = []] = await compare({ contestants, rounds, run, measures: [longestGap, firstOfSecond] });
      const lines = [
        `${"".padEnd(24)}${"longest gap".padStart(14)}${"of plain".padStart(10)}${"first token".padStart(14)}${"of plain".padStart(10)}`,
      ];
      for (const [index, { name, median: ms, ratio }] of gaps.entries()) {
        const first = firsts[index];
        const cells = [`${ms.toFixed(0)} ms`.padStart(14), `${ratio.toFixed(3)}x`.padStart(10)];
        cells.push(`${first?.median.toFixed(0)} ms`.padStart(14), `${first?.ratio.toFixed(2)}x`.padStart(10));
        lines.push(`${name.padEnd(24)}${cells.join("")}`);
      }
      lines.forEach(say);
      return { lines, data: { gaps, firsts } };
    } finally {
      await Promise.all(contestants.map((contestant) => contestant.stop()));
    }
  },
};

/** Of the first stream, from the second's beginning to its first token. */
function longestGap([running, entering]: readonly Outcome[]): number {
  const times = running?.times ?? [];
  const untilMs = entering?.endedMs ?? 0;
  const gaps = times.slice(10).map((time, index) => ((times[index + 9] ?? time) <= untilMs ? time - (times[index + 9] ?? time) : 0));
  return Math.max(...gaps);
}

function firstOfSecond([running, entering]: readonly Outcome[]): number {
  return (entering?.endedMs ?? 0) - (running?.times[9] ?? 0);
}
