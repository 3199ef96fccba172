import type { Expression } from "../engine/grammar/expression.ts";
import { parsedGbnf } from "../engine/grammar/gbnf.ts";

/** Draws a text that a grammar can write: each draws from the rules alone, with no model. `random` gives 0 to below 1. Beyond `length` characters it takes the shortest way to the end. */
export function randomSentences(gbnf: string, random: () => number): (length: number) => string {
  const rules = parsedGbnf(gbnf);
  const heights = heightsOf(rules);
  return (length) => {
    let written = "";
    const open: Expression[] = [{ kind: "rule", name: "root" }];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const isLate = written.length > length;
      switch (next.kind) {
        case "text":
          written += next.text;
          break;
        case "set":
          written += characterOf(next.ranges, random);
          break;
        case "rule":
          open.push(rules.get(next.name) ?? { kind: "sequence", items: [] });
          break;
        case "sequence":
          open.push(...next.items.toReversed());
          break;
        case "choice":
          open.push(pick(next.items, { random, isLate, heights }));
          break;
        default:
          open.push(...Array<Expression>(timesOf(next, isLate, random)).fill(next.item));
      }
    }
    return written;
  };
}

function characterOf(ranges: readonly (readonly [number, number])[], random: () => number): string {
  const [first, last] = ranges[Math.floor(random() * ranges.length)] ?? [0x20, 0x20];
  const near = random() < 0.8 ? Math.min(last, first + 100) : last;
  return String.fromCodePoint(first + Math.floor(random() * (near - first + 1)));
}

function timesOf({ min, max }: { readonly min: number; readonly max: number }, isLate: boolean, random: () => number): number {
  if (isLate) return min;
  const choices = [min, max === Infinity ? min + 1 : max, Math.min(max, min + Math.floor(random() * 6))];
  return choices[Math.floor(random() * 3)] ?? min;
}

interface Picking {
  readonly random: () => number;
  readonly isLate: boolean;
  readonly heights: ReadonlyMap<string, number>;
}

function pick(items: readonly Expression[], { random, isLate, heights }: Picking): Expression {
  const height = (item: Expression) => heightOf(item, heights);
  const able = items.filter((item) => height(item) < Infinity);
  const least = Math.min(...able.map(height));
  const among = isLate ? able.filter((item) => height(item) === least) : able;
  return among[Math.floor(random() * among.length)] ?? { kind: "sequence", items: [] };
}

/** How many rules stand on top of one another at least until a text is written. */
function heightsOf(rules: ReadonlyMap<string, Expression>): ReadonlyMap<string, number> {
  const heights = new Map<string, number>();
  for (let isChanged = true; isChanged;) {
    isChanged = false;
    for (const [name, expression] of rules) {
      const height = 1 + heightOf(expression, heights);
      if (height < (heights.get(name) ?? Infinity)) {
        heights.set(name, height);
        isChanged = true;
      }
    }
  }
  return heights;
}

function heightOf(expression: Expression, heights: ReadonlyMap<string, number>): number {
  switch (expression.kind) {
    case "rule":
      return heights.get(expression.name) ?? Infinity;
    case "sequence":
      return Math.max(0, ...expression.items.map((item) => heightOf(item, heights)));
    case "choice":
      return Math.min(...expression.items.map((item) => heightOf(item, heights)));
    case "repeat":
      return expression.min === 0 ? 0 : heightOf(expression.item, heights);
    default:
      return 0;
  }
}
