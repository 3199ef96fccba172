import { invalidField } from "../../core/reasons.ts";
import { compileSchema } from "./compile-schema.ts";
import { printed } from "./expression.ts";
import { jsonObject } from "./json.ts";
import { ruleBook } from "./rule-book.ts";

/** Most bytes of a grammar, given or compiled. */
export const mostGrammarBytes = 64 * 1024;

/** GBNF of some rules. `root` is GBNF of the whole text. Throws `invalid_request` naming `field` when it is larger than a grammar may be. */
export function grammarText(root: string, rules: ReadonlyMap<string, string>, field: string): string {
  const lines = [...rules].map(([name, body]) => `${name} ::= ${body}\n`);
  const whole = `root ::= ${root}\n${lines.join("")}`;
  if (Buffer.byteLength(whole) > mostGrammarBytes)
    throw invalidField(field, `its grammar has ${Buffer.byteLength(whole)} bytes, and ${mostGrammarBytes} is the most: make it smaller`);
  return whole;
}

/** GBNF of the JSON texts that a schema allows. Throws as `compileSchema` does. */
export function jsonSchemaGrammar(schema: string, field: string): string {
  const { root, rules } = compileSchema(schema, { field });
  return grammarText(root, rules, field);
}

let anyObject: string | undefined;

/** GBNF of any JSON object. */
export function jsonObjectGrammar(): string {
  anyObject ??= makeAnyObject();
  return anyObject;
}

function makeAnyObject(): string {
  const book = ruleBook("j");
  const root = book.name();
  book.tell(root, jsonObject(book));
  const rules = [...(book.finish(root) ?? [])].map(([name, expression]) => [name, printed(expression)] as const);
  return grammarText(root, new Map(rules), "response_format");
}
