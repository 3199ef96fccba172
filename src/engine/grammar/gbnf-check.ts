import { invalidField } from "../../core/reasons.ts";
import { printed, rebuilt, repeat, rule, type Expression } from "./expression.ts";
import { references } from "./fixpoint.ts";
import { parsedGbnf } from "./gbnf.ts";
import { GbnfError } from "./gbnf-words.ts";
import { grammarFault } from "./gbnf-facts.ts";
import { mostGrammarBytes } from "./grammar.ts";
import { Recent } from "../recent.ts";

/**
 * A caller's GBNF in a form that llama.cpp takes without complaint. Its parser is never shown anything else: it would crash on deep nesting, run for ever on some
 * recursions that it does not find, and print what it does not like. Throws `invalid_request` naming `field`.
 */
export function checkedGbnf(source: string, field: string): string {
  if (Buffer.byteLength(source) > mostGrammarBytes) throw invalidField(field, `a grammar has at most ${mostGrammarBytes} bytes`);
  return judged.get(source, () => judgedAnew(source, field));
}

/** Grammars that were found in order, as llama.cpp gets them: judging one takes milliseconds, for which all streams wait, and callers send the same again. */
const judged = new Recent<string>(64);

function judgedAnew(source: string, field: string): string {
  const rules = parsedOr(source, (what) => invalidField(field, what));
  const fault = faultOf(rules);
  if (fault !== undefined) throw invalidField(field, fault);
  return [...flattened(rules)].map(([name, expression]) => `${name} ::= ${printed(expression)}\n`).join("");
}

function parsedOr(source: string, refusal: (what: string) => Error): Map<string, Expression> {
  try {
    return parsedGbnf(source);
  } catch (error) {
    if (error instanceof GbnfError) throw refusal(error.message);
    throw error;
  }
}

function faultOf(rules: ReadonlyMap<string, Expression>): string | undefined {
  if (!rules.has("root")) return "has no rule named root";
  const isMissing = [...rules.values()].flatMap((expression) => [...references(expression)]).some((name) => !rules.has(name));
  return isMissing ? "uses a rule that it does not tell" : grammarFault(rules, "root");
}

/** The same grammar with a rule for all that is repeated: llama.cpp counts what stands in a repeated group, and refuses what it finds too much. */
function flattened(rules: ReadonlyMap<string, Expression>): Map<string, Expression> {
  const flat = new Map<string, Expression>();
  let count = 0;
  const fresh = () => {
    let name = `group-${count++}`;
    while (rules.has(name)) name = `group-${count++}`;
    return name;
  };
  const flatten = (expression: Expression): Expression => {
    if (expression.kind !== "repeat") return rebuilt(expression, flatten);
    const item = flatten(expression.item);
    if (item.kind === "set" || item.kind === "rule") return repeat(item, expression.min, expression.max);
    const name = fresh();
    flat.set(name, item);
    return repeat(rule(name), expression.min, expression.max);
  };
  for (const [name, expression] of rules) flat.set(name, flatten(expression));
  return flat;
}
