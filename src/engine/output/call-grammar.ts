import { invalidField } from "../../core/reasons.ts";
import { compileSchema } from "../grammar/compile-schema.ts";
import { choice, printed, rebuilt, repeat, rule, sequence, text, type Expression } from "../grammar/expression.ts";
import { parsedGbnf } from "../grammar/gbnf.ts";
import { jsonObjectGrammar } from "../grammar/grammar.ts";
import type { EngineTool } from "../protocol.ts";
import type { CallForm } from "./styles.ts";

/** Most calls that a grammar forces in one answer. */
export const mostForcedCalls = 16;

/** Something to be written, with the rules that it uses. */
export interface Grammar {
  readonly expression: Expression;
  readonly rules: ReadonlyMap<string, Expression>;
}

/** The arguments of a function as its schema has them. Throws naming the field and what of the schema cannot be expressed. */
export function argumentsGrammar({ parameters }: EngineTool, index: number): Grammar {
  const field = `tools[${index}].function.parameters`;
  const { root, rules } = compileSchema(objectSchema(parameters, field), { field, prefix: `t${index}-` });
  return { expression: rule(root), rules: parsedGbnf([...rules].map(([name, body]) => `${name} ::= ${body}\n`).join("")) };
}

let anyObject: Grammar | undefined;

/** Any JSON object. */
export function anyArguments(): Grammar {
  anyObject ??= grammarOf(jsonObjectGrammar(), "any-");
  return anyObject;
}

/** The grammar of a GBNF text; its rules get a prefix, so that it can stand beside others. */
export function grammarOf(gbnf: string, prefix: string): Grammar {
  const renamed = (expression: Expression): Expression =>
    expression.kind === "rule" ? rule(prefix + expression.name) : rebuilt(expression, renamed);
  const rules = [...parsedGbnf(gbnf)].map(([name, expression]) => [prefix + name, renamed(expression)] as const);
  return { expression: rule(`${prefix}root`), rules: new Map(rules) };
}

/** The rules of several grammars together. */
export function rulesOf(grammars: readonly Grammar[]): Grammar["rules"] {
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
  return [`root ::= ${printed(expression)}`, ...[...rules].map(([name, body]) => `${name} ::= ${printed(body)}`), ""].join("\n");
}
