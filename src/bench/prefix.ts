import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Bench } from "./bench.ts";
import { lastMs, type Contestant, type Outcome, type Run } from "./local/contestant.ts";
import { setup, startOwn, startPlain, startService } from "./local/contestants.ts";
import { freshPrompt } from "./local/prompts.ts";
import { compare, type Standing } from "./local/turns.ts";
import { median } from "./statistics.ts";

const streams = 16;
const common = 500;
const unique = 16;
const newTokens = 32;

/** What it brings that a prefix is computed once. */
export const prefix: Bench = {
  what: "16 requests with 500 common tokens beside plain loops; the cost where nothing is common; a prefix that is kept or restored",
  options: { rounds: { default: 5, what: "rounds; each measures everything once" } },
  async run({ rounds = 5 }, say) {
    const lines: string[] = [];
    const tell = (line: string) => {
      lines.push(line);
      say(line);
    };
    const data = {
      shared: await measureShared(rounds, tell),
      nothingCommon: await measureNothingCommon(rounds, tell),
      restored: await measureRestored(rounds, tell),
    };
    return { lines, data };
  },
};

/** Requests that come together and begin alike. */
async function measureShared(rounds: number, tell: (line: string) => void) {
  const settings = await setup();
  const contestants: Contestant[] = [];
  try {
    contestants.push(await startPlain(settings), await startService(settings));
    const run = (): Run => {
      const shared = freshPrompt(common);
      return { streams: Array.from({ length: streams }, () => ({ prompt: [...shared, ...freshPrompt(unique)], newTokens, after: 0 })) };
    };
    const measures = [lastMs, medianFirstMs, cached];
    const [totals = [], firsts = [], cachedTokens = []] = await compare({ contestants, rounds, run, measures });
    tell(`${streams} requests, ${common} common and ${unique} own tokens, ${newTokens} new`);
    for (const [index, total] of totals.entries())
      tell(
        `  ${total.name.padEnd(24)}${times("in all", total)}${times("first token", firsts[index])}   ${cachedTokens[index]?.median} tokens cached`,
      );
    return { totals, firsts, cachedTokens };
  } finally {
    await Promise.all(contestants.map((contestant) => contestant.stop()));
  }
}

/** What keeping and looking for prefixes costs where it never helps. Where a process lies in memory moves its speed by as much as is looked for: so each way has two processes, one started before the other way's and one after. */
async function measureNothingCommon(rounds: number, tell: (line: string) => void) {
  const settings = await setup();
  const ratios: number[] = [];
  const halves: (readonly Standing[])[] = [];
  for (const isFirst of [true, false]) {
    const folder = mkdtempSync(join(tmpdir(), "parley-prefix-"));
    const contestants: Contestant[] = [];
    try {
      const without = () => startOwn(settings, "engine without states");
      const having = () => startOwn({ ...settings, prefixCache: cacheIn(folder) }, "engine with states");
      for (const start of isFirst ? [without, having] : [having, without]) contestants.push(await start());
      const run = (): Run => ({ streams: Array.from({ length: streams }, () => ({ prompt: freshPrompt(256), newTokens, after: 0 })) });
      const [totals = []] = await compare({ contestants, rounds, run, measures: [lastMs] });
      const of = (name: string) => totals.find((each) => each.name === `engine ${name} states`)?.rounds ?? [];
      ratios.push(...of("with").map((ms, round) => ms / (of("without")[round] ?? Number.NaN)));
      halves.push(totals);
    } finally {
      await Promise.all(contestants.map((contestant) => contestant.stop()));
      rmSync(folder, { recursive: true });
    }
  }
  tell(`${streams} requests of 256 tokens with nothing in common, ${newTokens} new`);
  for (const total of halves.flat()) tell(`  ${total.name.padEnd(24)}in all ${total.median.toFixed(0)} ms`);
  tell(`  with states, of without ${median(ratios).toFixed(3)}, median of ${ratios.length} rounds with two processes each`);
  return { halves, ratios };
}

/** The first token after a prefix that was computed before: by the same process, by one that has ended since, by nobody. */
async function measureRestored(rounds: number, tell: (line: string) => void) {
  const folder = mkdtempSync(join(tmpdir(), "parley-prefix-"));
  const found: Record<"cold" | "kept" | "restored", number[]> = { cold: [], kept: [], restored: [] };
  try {
    for (let round = 0; round < rounds; round++) {
      const shared = freshPrompt(common);
      const ask = async (contestant: Contestant, more = 1) => {
        const [outcome] = await contestant.run({ streams: [{ prompt: [...shared, ...freshPrompt(more)], newTokens: 1, after: 0 }] });
        return outcome!;
      };
      const first = await startWarm(folder);
      found.cold.push((await ask(first)).endedMs);
      found.kept.push((await ask(first)).endedMs);
      await written(folder, round + 1);
      await first.stop();
      const second = await startWarm(folder);
      found.restored.push((await ask(second)).endedMs);
      await second.stop();
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  tell(`one request, ${common} tokens that were computed before and one of its own, until its first token`);
  for (const [name, took] of Object.entries(found))
    tell(
      `  ${name.padEnd(24)}${median(took).toFixed(1).padStart(9)} ms ${median(found.cold.map((ms, round) => ms / took[round]!))
        .toFixed(1)
        .padStart(8)}x sooner`,
    );
  return found;
}

/** An engine that has computed something already: the first call of a process is slower. */
async function startWarm(folder: string): Promise<Contestant> {
  const started = await startOwn({ ...(await setup()), prefixCache: cacheIn(folder) });
  await started.run({ streams: [{ prompt: freshPrompt(64), newTokens: 2, after: 0 }] });
  return started;
}

/** Waits for so many states on disk: they are written when nothing else is to be done, and a contestant is stopped at once. */
async function written(folder: string, states: number): Promise<void> {
  const untilMs = performance.now() + 10_000;
  while (readdirSync(join(folder, "states")).filter((file) => file.endsWith(".json")).length < states) {
    if (performance.now() > untilMs) throw new Error("the state is not on disk");
    await sleep(10);
  }
}

function cacheIn(folder: string) {
  const memoryFolder = "/dev/shm";
  const diskFolder = join(folder, "states");
  mkdirSync(diskFolder, { recursive: true });
  return {
    memoryFolder,
    memoryBytes: 2 ** 30,
    diskFolder,
    diskBytes: 2 ** 30,
    diskAgeMs: 86_400_000,
    modelSha256: "0".repeat(64),
    waitMs: 30_000,
  };
}

function medianFirstMs(outcomes: readonly Outcome[]): number {
  return median(outcomes.map(({ times: [first = Number.NaN] }) => first));
}

function cached(outcomes: readonly Outcome[]): number {
  return outcomes.reduce((sum, { cachedTokens }) => sum + cachedTokens, 0);
}

function times(what: string, standing: Standing | undefined): string {
  return `   ${what} ${standing?.median.toFixed(0)} ms, ${standing?.ratio.toFixed(3)} of the first`;
}
