import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ConnectError } from "@connectrpc/connect";
import { reasonOf } from "../core/reasons.ts";
import { checkGguf } from "../library/gguf-header.ts";
import { answerOf, valuesOf } from "../testing/collect-events.ts";
import { ggufMutants } from "../testing/gguf-mutations.ts";
import { userRequest } from "../testing/sample-request.ts";
import { tinyGguf } from "../testing/tiny-gguf.ts";
import { tinyProvider, type TinyProvider } from "../testing/tiny-provider.ts";
import type { Bench } from "./bench.ts";

/** A load may take so long here; real ones get minutes. */
const engineLoadMs = 20_000;
const engineSilenceMs = 15_000;
/** Tokens of each stream of the model beside. */
const witnessTokens = 400;

/** Mutated model files against the header's check, and against engines of their own beside a model that goes on serving. */
export const gguf: Bench = {
  what: "mutated GGUF headers: all against the check, a sample of those that pass in engine processes beside a model that streams",
  options: {
    headers: { default: 10_000, what: "mutated headers" },
    loads: { default: 600, what: "of those that pass the check, most that are loaded" },
    lanes: { default: 2, what: "engine processes at once" },
    seed: { default: 1, what: "what the mutations are drawn with" },
  },
  async run({ headers = 10_000, loads = 600, lanes = 2, seed = 1 }, say) {
    const checked = checkAll(headers, seed);
    const loaded = await loadSample(checked.passing, { loads, lanes, say });
    const lines = [...checked.lines, ...loaded.lines];
    for (const line of lines) say(line);
    return { lines, data: { headers, seed, check: checked.data, loads: loaded.data } };
  },
};

interface Checked {
  readonly passing: readonly Buffer[];
  readonly lines: readonly string[];
  readonly data: unknown;
}

/** Checks every mutant as a file of the folder is checked; one that throws ends the benchmark. */
function checkAll(headers: number, seed: number): Checked {
  const mutants = ggufMutants(tinyGguf(), seed);
  const passing: Buffer[] = [];
  const kinds: Record<string, Record<string, number>> = {};
  let [totalMs, mostMs] = [0, 0];
  for (let index = 0; index < headers; index++) {
    const { kind, bytes } = mutants.next().value;
    const beganMs = performance.now();
    const { is } = checkGguf(bytes, bytes.length);
    const ms = performance.now() - beganMs;
    totalMs += ms;
    mostMs = Math.max(mostMs, ms);
    const counts = (kinds[kind] ??= {});
    counts[is] = (counts[is] ?? 0) + 1;
    // The bytes of a mutant are 400 kB: those that pass are kept as they are, since they are loaded.
    if (is === "whole") passing.push(bytes);
  }
  return {
    passing,
    lines: [
      `${headers} mutated headers checked in ${totalMs.toFixed(0)} ms, the slowest in ${mostMs.toFixed(1)} ms; ${passing.length} may be loaded, ${headers - passing.length} are refused`,
      ...Object.entries(kinds).map(([kind, counts]) => `  ${kind.padEnd(18)}${describe(counts)}`),
    ],
    data: { totalMs, mostMs, passing: passing.length, kinds },
  };
}

interface Sampling {
  readonly loads: number;
  readonly lanes: number;
  readonly say: (line: string) => void;
}

/** Asks models of mutated files for an answer, while another model streams. */
async function loadSample(passing: readonly Buffer[], { loads, lanes, say }: Sampling): Promise<Pick<Checked, "lines" | "data">> {
  const count = Math.min(loads, passing.length);
  const sample = Array.from({ length: count }, (_, index) => passing[Math.floor((index * passing.length) / count)]!);
  const tiny = await tinyProvider({ limits: { engineLoadMs, engineSilenceMs }, load: { sequences: 1, contextLength: 512 } });
  const outcomes: Record<string, number> = {};
  const beganMs = performance.now();
  let [next, isOver] = [0, false];
  const lane = async () => {
    for (let index = next++; index < count; index = next++) {
      const outcome = await tryOne(tiny, `mutant-${index}`, sample[index]!);
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
      if (index % 50 === 49) say(`${index + 1} of ${count}: ${describe(outcomes)}`);
    }
  };
  try {
    await tiny.library.add("witness");
    const streams = witness(tiny, () => isOver);
    const running = Array.from({ length: lanes }, lane);
    try {
      await Promise.race([Promise.all(running), streams]);
    } finally {
      isOver = true;
      next = count;
      await Promise.allSettled([...running, streams]);
    }
    const { finished, restarts } = { finished: await streams, restarts: restartsOf(tiny, "witness") };
    const seconds = (performance.now() - beganMs) / 1000;
    return {
      lines: [
        `${count} of them loaded in engine processes, ${lanes} at once, in ${seconds.toFixed(0)} s: ${describe(outcomes)}`,
        `beside them a model finished ${finished} streams of ${witnessTokens} tokens, failed none, and its process was restarted ${restarts} times`,
      ],
      data: { count, seconds, outcomes, witness: { finished, restarts } },
    };
  } finally {
    await tiny.close();
  }
}

/** What became of one file; an error that nobody foresaw ends the benchmark. */
async function tryOne(tiny: TinyProvider, id: string, bytes: Buffer): Promise<string> {
  const path = join(tiny.library.directory, `${id}.gguf`);
  await writeFile(path, bytes);
  await tiny.library.addFile(id, path);
  try {
    await answerOf(tiny.provider, userRequest("hello", { model: id, maxTokens: 4 }));
    return "answered";
  } catch (error) {
    const reason = reasonOf(error);
    if (reason === "internal") throw error;
    if (reason !== "engine_failed") return `refused (${reason})`;
    return outcomeOf(error);
  } finally {
    tiny.library.forget(id);
    await rm(path);
  }
}

function outcomeOf(error: unknown): string {
  const message = error instanceof ConnectError ? error.rawMessage : "";
  const how = /it ended with (SIG[A-Z]+|code \d+)/.exec(message)?.[1];
  if (how !== undefined) return `crashed (${how})`;
  return message.includes("was killed") ? "stuck and killed" : "refused by the engine";
}

/** Streams of a model that has nothing to do with the others, one after the other; a failed one ends the benchmark. */
async function witness(tiny: TinyProvider, isOver: () => boolean): Promise<number> {
  let finished = 0;
  while (!isOver()) {
    const events = await answerOf(tiny.provider, userRequest("hello", { model: "witness", maxTokens: witnessTokens }));
    if (valuesOf(events, "completed")[0]?.usage?.completionTokens !== witnessTokens) throw new Error("a stream beside was cut");
    finished++;
  }
  return finished;
}

function restartsOf(tiny: TinyProvider, model: string): number {
  return tiny.reports.filter(([name, of]) => name === "restarted" && of === model).length;
}

function describe(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([what, count]) => `${count} ${what}`)
    .join(", ");
}
