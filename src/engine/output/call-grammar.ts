import { invalidField } from "../../core/reasons.ts";
import { compileSchema } from "../grammar/compile-schema.ts";
import { choice, printed, rebuilt, repeat, rule, sequence, text, type Expression } from "../grammar/expression.ts";
import { parsedGbnf } from "../grammar/gbnf.ts";
import { formatGrammar } from "../grammar/format.ts";
import { jsonObjectGrammar } from "../grammar/grammar.ts";
import { schemaText } from "../grammar/schema-text.ts";
import type { EngineTool } from "../protocol/prompt.ts";
import type { EngineFormat } from "../protocol/request.ts";
import { Recent } from "../recent.ts";
import type { RuleTable } from "./grammar-rest.ts";
import type { CallForm } from "./styles.ts";
import { schemaOf } from "./tool-schema.ts";

/** Most calls that a grammar forces in one answer. */
export const mostForcedCalls = 16;

/** Rules by name; each is GBNF on one line. */
type Rules = ReadonlyMap<string, string>;

/** Something to be written, with the rules that it uses. */
export interface Grammar {
  readonly expression: Expression;
  readonly rules: Rules;
}

/** Grammars that are kept: callers send the same tools with every turn, and compiling takes milliseconds, for which all streams wait. Each is bounded as grammars are. */
const mostKept = 64;
const kept = new Recent<Grammar>(mostKept);

/** The arguments of a function as its schema has them. Throws naming the field and what of the schema cannot be expressed. */
export function argumentsGrammar(tool: EngineTool, index: number): Grammar {
  return kept.get(`${index} ${tool.parameters}`, () => {
    const field = `tools[${index}].function.parameters`;
    const { root, rules } = compileSchema(objectSchema(tool, index), { field, prefix: `t${index}-` });
    return { expression: rule(root), rules };
  });
}

/** Any JSON object. */
export function anyArguments(): Grammar {
  return kept.get("any", () => grammarOf(jsonObjectGrammar(), "any-"));
}

/** What a format holds an answer to; undefined: nothing. Throws naming the field and what cannot be honoured. */
export function formatRules(format: EngineFormat): Grammar | undefined {
  if (format.type === "text") return undefined;
  return kept.get(JSON.stringify(format), () => grammarOf(formatGrammar(format) ?? "", "f-"));
}

/** The grammar of a GBNF text; its rules get a prefix, so that it can stand beside others. */
function grammarOf(gbnf: string, prefix: string): Grammar {
  const renamed = (expression: Expression): Expression =>
    expression.kind === "rule" ? rule(prefix + expression.name) : rebuilt(expression, renamed);
  const rules = [...parsedGbnf(gbnf)].map(([name, expression]) => [prefix + name, printed(renamed(expression))] as const);
  return { expression: rule(`${prefix}root`), rules: new Map(rules) };
}

/** Arguments are an object, whether the schema says so or not; a function without a schema has none. */
function objectSchema(tool: EngineTool, index: number): string {
  if (tool.parameters === "") return '{"type":"object","additionalProperties":false}';
  const schema = schemaOf(tool, index);
  // Its size and depth, before it is written anew.
  schemaText(tool.parameters, `tools[${index}].function.parameters`);
  if (schema["type"] !== undefined && schema["type"] !== "object")
    throw invalidField(`tools[${index}].function.parameters`, "/type: arguments are always an object");
  return JSON.stringify({ type: "object", ...schema });
}

/** Calls in the form of a style, each function with its arguments, at least one and at most so many. */
export function callsGrammar(form: CallForm, functions: ReadonlyMap<string, Grammar>, most: number): Grammar {
  const { names, rules } = sharedRules([...functions.values()].flatMap((grammar) => [...grammar.rules]));
  const renamed = (expression: Expression): Expression =>
    expression.kind === "rule" ? rule(names.get(expression.name) ?? expression.name) : rebuilt(expression, renamed);
  const given = [...functions].map(([name, { expression }]) => sequence(text(name + form.between), renamed(expression)));
  const call = sequence(text(form.before), choice(...given), text(form.after));
  // A rule of its own: llama.cpp writes repetitions out.
  const more = repeat(sequence(text(form.separator), rule("call")), 0, most - 1);
  return {
    expression: sequence(text(form.begin), rule("call"), more, text(form.end)),
    rules: new Map([...rules, ["call", printed(call)]]),
  };
}

const literalOrName = /"(?:[^"\\]|\\.)*"|\[(?:[^\]\\]|\\.)*\]|[A-Za-z][\w-]*/g;
/** So deep are alike rules found; what is deeper stays twice, which is only longer. */
const mostPasses = 8;

/** Rules that say the same become one, from the bottom up: many functions have arguments of the same kinds. `names` says what became of those that are gone. */
function sharedRules(all: readonly (readonly [name: string, body: string])[]): {
  readonly names: ReadonlyMap<string, string>;
  readonly rules: Rules;
} {
  let rules: Rules = new Map(all);
  const names = new Map<string, string>();
  for (let pass = 0; pass < mostPasses; pass++) {
    const first = new Map<string, string>();
    const gone = new Map<string, string>();
    for (const [name, body] of rules) {
      const same = first.get(body);
      if (same === undefined) first.set(body, name);
      else gone.set(name, same);
    }
    if (gone.size === 0) break;
    for (const [name, now] of names) names.set(name, gone.get(now) ?? now);
    for (const [name, now] of gone) names.set(name, now);
    rules = new Map([...first].map(([body, name]) => [name, body.replace(literalOrName, (word) => gone.get(word) ?? word)]));
  }
  return { names, rules };
}

/** GBNF of a grammar. */
export function gbnfOf({ expression, rules }: Grammar): string {
  return [`root ::= ${printed(expression)}`, ...textsOf(rules)].join("");
}

const tables = new WeakMap<Rules, RuleTable>();

/** The rules of a grammar as expressions; read when they are first asked for, since most never are. */
export function ruleTable({ rules }: Grammar): RuleTable {
  const table = tables.get(rules) ?? parsedGbnf(textsOf(rules).join(""));
  tables.set(rules, table);
  return table;
}

function textsOf(rules: Rules): string[] {
  return [...rules].map(([name, body]) => `\n${name} ::= ${body}`);
}
