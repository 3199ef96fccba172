import { choice, nothing, repeat, sequence, text as literal, type Expression } from "../grammar/expression.ts";

/** Expressions of rules, by name. */
export type RuleTable = ReadonlyMap<string, Expression>;

/** What is still to be written, as a list of which the ends are shared; undefined is its end. */
interface Rest {
  readonly head: Expression;
  readonly tail: Rest | undefined;
}

/** Looks that one character may cost: what needs more is taken for a grammar without an end. */
const mostLooks = 20_000;

/** What of an expression is still to be written after a text; undefined when the text does not begin anything that it writes. */
export function restAfter(expression: Expression, text: string, rules: RuleTable): Expression | undefined {
  const rests = restsAfter(expression, text, rules);
  return rests.length === 0 ? undefined : choice(...rests.map((rest) => sequence(...items(rest))));
}

/** Whether an expression writes a text. */
export function writes(expression: Expression, text: string, rules: RuleTable): boolean {
  return restsAfter(expression, text, rules).some((rest) => {
    let isEmpty = rest === undefined;
    look([rest], rules, (next) => (isEmpty ||= next === undefined));
    return isEmpty;
  });
}

function restsAfter(expression: Expression, text: string, rules: RuleTable): readonly (Rest | undefined)[] {
  let rests: readonly (Rest | undefined)[] = [{ head: expression, tail: undefined }];
  for (const character of text) {
    const next: (Rest | undefined)[] = [];
    const codePoint = character.codePointAt(0) ?? 0;
    look(rests, rules, (rest) => {
      if (rest?.head.kind === "set" && rest.head.ranges.some(([first, last]) => codePoint >= first && codePoint <= last))
        next.push(rest.tail);
      if (rest?.head.kind !== "text" || !rest.head.text.startsWith(character)) return;
      const left = rest.head.text.slice(character.length);
      next.push(left === "" ? rest.tail : { head: literal(left), tail: rest.tail });
    });
    rests = next;
  }
  return rests;
}

/** Unfolds what is to be written until each begins with characters, or is at its end. */
function look(rests: readonly (Rest | undefined)[], rules: RuleTable, found: (rest: Rest | undefined) => void): void {
  const open = [...rests];
  const seen = new Map<Expression, Set<Rest | undefined>>();
  for (let looks = 0; open.length > 0; looks++) {
    if (looks > mostLooks) throw new Error("a grammar goes round in circles");
    const rest = open.pop();
    if (rest === undefined || rest.head.kind === "text" || rest.head.kind === "set") found(rest);
    else if (isNew(rest, seen)) open.push(...unfolded(rest.head, rest.tail, rules));
  }
}

/** What may be empty and is repeated comes back to itself. */
function isNew({ head, tail }: Rest, seen: Map<Expression, Set<Rest | undefined>>): boolean {
  const tails = seen.get(head) ?? new Set();
  seen.set(head, tails);
  if (tails.has(tail)) return false;
  tails.add(tail);
  return true;
}

function unfolded(head: Expression, tail: Rest | undefined, rules: RuleTable): (Rest | undefined)[] {
  switch (head.kind) {
    case "sequence":
      return [head.items.reduceRight<Rest | undefined>((after, item) => ({ head: item, tail: after }), tail)];
    case "choice":
      return head.items.map((item) => ({ head: item, tail }));
    case "repeat": {
      const { item, min, max } = head;
      const more = min === 0 && max === Infinity ? head : repeat(item, Math.max(0, min - 1), max - 1);
      const once: Rest = { head: item, tail: more === nothing ? tail : { head: more, tail } };
      return min === 0 ? [tail, once] : [once];
    }
    case "rule": {
      const body = rules.get(head.name);
      if (body === undefined) throw new Error(`there is no rule ${head.name}`);
      return [{ head: body, tail }];
    }
    default:
      return [{ head, tail }];
  }
}

function items(rest: Rest | undefined): Expression[] {
  const list: Expression[] = [];
  for (let next = rest; next !== undefined; next = next.tail) list.push(next.head);
  return list;
}
