import type { Automaton } from "./automaton.ts";
import { choice, never, nothing, rule, sequence, set, text, type Expression, type Range } from "./expression.ts";
import { plainRanges } from "./json.ts";
import { common, tidied } from "./ranges.ts";
import type { RuleBook } from "./rule-book.ts";

/** Rules that write, between the quotes of a JSON string, the texts that an automaton takes. */
export function automatonText(automaton: Automaton, ranges: readonly Range[], book: RuleBook): Expression {
  const ways = automaton.states.map(({ next }) => [...Map.groupBy(next, ([, to]) => to)]);
  const entries = entriesOf(automaton);
  const names = new Map<number, string>();
  const nameOf = (state: number) => {
    const name = names.get(state) ?? book.name();
    names.set(state, name);
    return rule(name);
  };
  const character = (moves: readonly (readonly [range: number, to: number])[]) =>
    book.shared(characterOf(tidied(moves.map(([range]) => ranges[range] ?? [0, 0]))));
  /** A state with one way in is written where it is reached if it has but one way on, or none. */
  const onward = (from: number): Expression => {
    const row: Expression[] = [];
    for (let state = from; ;) {
      const [only, ...more] = ways[state] ?? [];
      const isEnd = automaton.states[state]?.isEnd === true;
      if (only === undefined) return sequence(...row, isEnd ? nothing : never);
      if (isEnd || more.length > 0 || entries[state] !== 1 || state === 0) return sequence(...row, nameOf(state));
      row.push(character(only[1]));
      state = only[0];
    }
  };
  const first = nameOf(0);
  // A map goes on over what is added to it meanwhile: every state that is named is told.
  for (const [state, name] of names) {
    const isEnd = automaton.states[state]?.isEnd === true;
    book.tell(
      name,
      choice(...(ways[state] ?? []).map(([to, moves]) => sequence(character(moves), onward(to))), ...(isEnd ? [nothing] : [])),
    );
  }
  return first;
}

/** How many ways lead into each state. */
function entriesOf({ states }: Automaton): number[] {
  const entries = states.map(() => 0);
  for (const { next } of states) for (const to of new Set(next.values())) entries[to] = (entries[to] ?? 0) + 1;
  return entries;
}

const short: readonly (readonly [codePoint: number, written: string])[] = [
  [0x22, '\\"'],
  [0x5c, "\\\\"],
  [0x08, "\\b"],
  [0x09, "\\t"],
  [0x0a, "\\n"],
  [0x0c, "\\f"],
  [0x0d, "\\r"],
];

/** How characters of a text are written in JSON. Control characters without a short name are written only where nothing else may stand. */
function characterOf(ranges: readonly Range[]): Expression {
  const has = (codePoint: number) => ranges.some(([first, last]) => codePoint >= first && codePoint <= last);
  const plain = set(...common(ranges, plainRanges));
  const named = short.filter(([codePoint]) => has(codePoint)).map(([, written]) => text(written));
  const either = choice(plain, ...named);
  if (either.kind !== "choice" || either.items.length > 0) return either;
  const rare = Array.from({ length: 0x20 }, (_, codePoint) => codePoint).filter(has);
  return choice(...rare.map((codePoint) => text(`\\u${codePoint.toString(16).padStart(4, "0")}`)));
}
