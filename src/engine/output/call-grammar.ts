import { invalidField } from "../../core/reasons.ts";
import { compileSchema } from "../grammar/compile-schema.ts";
import { choice, printed, repeat, rule, sequence, text, type Expression } from "../grammar/expression.ts";
import { jsonObjectGrammar } from "../grammar/grammar.ts";
import type { Rules } from "../grammar/rule-book.ts";
import type { EngineTool } from "../protocol.ts";
import type { RuleTable } from "./grammar-rest.ts";
import { readRule } from "./rule-reader.ts";
import type { CallForm } from "./styles.ts";

/** Most calls that a grammar forces in one answer. */
export const mostForcedCalls = 16;

/** Something to be written, with the rules that it uses. */
export interface Grammar {
  readonly expression: Expression;
  readonly rules: Rules;
}

/** The arguments of a function as its schema has them. Throws naming the field and what of the schema cannot be expressed. */
export function argumentsGrammar({ parameters }: EngineTool, index: number): Grammar {
  const field = `tools[${index}].function.parameters`;
  const { root, rules } = compileSchema(objectSchema(parameters, field), { field, prefix: `t${index}-` });
  return { expression: rule(root), rules };
}

/** Any JSON object. */
export function anyArguments(): Grammar {
  return grammarOf(jsonObjectGrammar());
}

/** A grammar that our compiler has printed. */
export function grammarOf(gbnf: string): Grammar {
  const rules = new Map(gbnf.trimEnd().split("\n").map(ruleOf));
  const expression = readRule(rules.get("root") ?? "");
  rules.delete("root");
  return { expression, rules };
}

function ruleOf(line: string): [name: string, body: string] {
  const [name = "", ...body] = line.split(" ::= ");
  return [name, body.join(" ::= ")];
}

/** The rules of several grammars together; their names differ, or mean the same. */
export function rulesOf(grammars: readonly Grammar[]): Rules {
  return new Map(grammars.flatMap(({ rules }) => [...rules]));
}

/** Arguments are an object, whether the schema says so or not; a function without a schema has none. */
function objectSchema(parameters: string, field: string): string {
  if (parameters === "") return '{"type":"object","additionalProperties":false}';
  const schema: unknown = JSON.parse(parameters);
  if (typeof schema !== "object" || schema === null || Array.isArray(schema)) throw invalidField(field, "is no JSON schema of an object");
  if ("type" in schema && schema.type !== "object") throw invalidField(field, `/type: arguments are always an object`);
  return JSON.stringify({ type: "object", ...schema });
}

/** Calls in the form of a style, each function with its arguments, at least one and at most so many. */
export function callsExpression(form: CallForm, functions: ReadonlyMap<string, Expression>, most: number): Expression {
  const call = choice(...[...functions].map(([name, given]) => sequence(text(form.before + name + form.between), given, text(form.after))));
  const more = repeat(sequence(text(form.separator), call), 0, most - 1);
  return sequence(text(form.begin), call, more, text(form.end));
}

/** GBNF of a grammar. */
export function gbnfOf({ expression, rules }: Grammar): string {
  return [`root ::= ${printed(expression)}`, ...[...rules].map(([name, body]) => `${name} ::= ${body}`), ""].join("\n");
}

/** Rules as expressions. */
export function ruleTable(rules: Rules): RuleTable {
  const table = new Map<string, Expression>();
  // Most rules are never looked at.
  return { get: (name) => table.get(name) ?? reading(name) };
  function reading(name: string): Expression | undefined {
    const body = rules.get(name);
    if (body === undefined) return undefined;
    const expression = readRule(body);
    table.set(name, expression);
    return expression;
  }
}
