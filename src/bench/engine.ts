import type { Bench } from "./bench.ts";
import { rate, type Contestant } from "./local/contestant.ts";
import { setup, startOwn, startPlain, startService } from "./local/contestants.ts";
import { freshPrompt } from "./local/prompts.ts";
import { startRawLoop } from "./local/raw.ts";
import { compare, type Standing } from "./local/turns.ts";
import { median } from "./statistics.ts";

const counts = [1, 2, 4, 8, 16];

/** Tokens a second of a local model, in every way of running it, by turns. */
export const engine: Bench = {
  what: "tokens/s of SmolLM2-135M Q4_1 at 1, 2, 4, 8 and 16 streams: plain evaluate() loops, a raw C++ loop, Parley's engine, Parley by gRPC",
  options: {
    warm: {
      default: 30,
      what: "runs of one stream that everybody makes before counting: a service that has just started is compiled while it answers",
    },
    rounds: { default: 5, what: "rounds; each measures everything once" },
    prompt: { default: 64, what: "tokens of each prompt; no two have anything in common" },
    tokens: { default: 64, what: "tokens that are written after it" },
  },
  async run({ warm = 30, rounds = 5, prompt = 64, tokens = 64 }, say) {
    const common = await setup();
    const contestants: Contestant[] = [];
    try {
      contestants.push(await startPlain(common), await startPlain(common, 1));
      const raw = await startRawLoop(common);
      const copied = await startRawLoop(common, "copied");
      contestants.push(...[raw, copied].filter((each) => each !== undefined));
      contestants.push(await startOwn(common), await startService(common));
      const groups: { streams: number; standings: readonly Standing[]; ofRaw: readonly number[] }[] = [];
      const lines: string[] = [];
      const tell = (line: string) => {
        lines.push(line);
        say(line);
      };
      tell(`${"streams".padEnd(9)}${"".padEnd(24)}${"tokens/s".padStart(10)}${"of plain".padStart(10)}${"of raw".padStart(9)}`);
      const runOf = (streams: number) => ({
        streams: Array.from({ length: streams }, () => ({ prompt: freshPrompt(prompt), newTokens: tokens, after: 0 })),
      });
      for (let run = 0; run < warm; run++) for (const contestant of contestants) await contestant.run(runOf(1));
      for (const streams of counts) {
        const run = () => runOf(streams);
        for (const contestant of contestants) await contestant.run(run());
        const [standings = []] = await compare({ contestants, rounds, run, measures: [rate] });
        const ofRaw = standings.map((own) =>
          ratioTo(
            standings.find(({ name }) => name === raw?.name),
            own,
          ),
        );
        groups.push({ streams, standings, ofRaw });
        for (const [index, { name, median: perSecond, ratio }] of standings.entries())
          tell(
            `${String(streams).padEnd(9)}${name.padEnd(24)}${perSecond.toFixed(0).padStart(10)}${`${ratio.toFixed(2)}x`.padStart(10)}${`${ofRaw[index]?.toFixed(2)}x`.padStart(9)}`,
          );
      }
      return { lines, data: groups };
    } finally {
      await Promise.all(contestants.map((contestant) => contestant.stop()));
    }
  },
};

/** Of the rounds' own ratios the median; NaN where there is no other. */
function ratioTo(other: Standing | undefined, own: Standing): number {
  return other === undefined ? Number.NaN : median(own.rounds.map((value, round) => value / (other.rounds[round] ?? Number.NaN)));
}
