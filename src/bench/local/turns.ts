import { median } from "../statistics.ts";
import type { Contestant, Outcome, Run } from "./contestant.ts";

/** What a contestant reached: the rounds' values, their median, and the median of the ratios to the first contestant of the same round. */
export interface Standing {
  readonly name: string;
  readonly rounds: readonly number[];
  readonly median: number;
  readonly ratio: number;
}

/** How contestants are compared. */
export interface Match {
  readonly contestants: readonly Contestant[];
  readonly rounds: number;
  /** What all run in one round; made anew for each, so that nothing that was computed before serves. */
  readonly run: () => Run;
  /** What is measured; one function for each line of standings. */
  readonly measures: readonly ((outcomes: readonly Outcome[]) => number)[];
}

/** Lets all run by turns, in another order each round, and answers with the standings for each measure. The ratio is of the same round, so that what disturbs the machine meets all. */
export async function compare({ contestants, rounds, run, measures }: Match): Promise<Standing[][]> {
  const values = measures.map(() => contestants.map((): number[] => []));
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? contestants.keys().toArray() : contestants.keys().toArray().toReversed();
    const same = run();
    for (const at of order) {
      const outcomes = await contestants[at]!.run(same);
      for (const [index, measure] of measures.entries()) values[index]?.[at]?.push(measure(outcomes));
    }
  }
  return values.map((own) => contestants.map(({ name }, at) => standing(name, own[at] ?? [], own[0] ?? [])));
}

function standing(name: string, rounds: readonly number[], first: readonly number[]): Standing {
  const ratios = rounds.map((value, round) => value / (first[round] ?? Number.NaN));
  return { name, rounds, median: median(rounds), ratio: median(ratios) };
}
