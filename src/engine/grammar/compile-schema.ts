import { invalidField } from "../../core/reasons.ts";
import type { Compiler } from "./compiler.ts";
import { choice, printed, rule, text as literal, type Expression } from "./expression.ts";
import { checkExclusive } from "./exclusive.ts";
import { itemList } from "./items.ts";
import { jsonValue } from "./json.ts";
import { allowedValues } from "./accepts.ts";
import { literals } from "./literals.ts";
import { memberObject } from "./members.ts";
import { choosing, keyOf, merged, together, type Together } from "./merge.ts";
import { numberText } from "./numbers.ts";
import { grammarFault } from "./gbnf-facts.ts";
import { ruleBook } from "./rule-book.ts";
import { schemaText, type SchemaText } from "./schema-text.ts";
import { kinds, writtenKinds, type Kind, type Shape } from "./shape.ts";
import { stringText } from "./strings.ts";

/** A schema as rules of a grammar. */
export interface CompiledSchema {
  /** Name of the rule that writes a value. */
  readonly root: string;
  /** Each is GBNF on one line. */
  readonly rules: ReadonlyMap<string, string>;
}

/** How a schema is compiled. */
export interface CompileOptions {
  /** The field of the request that holds it, for errors. */
  readonly field: string;
  /** Begins the name of every rule: letters, digits and `-`, so that several schemas stand in one grammar. Default "s". */
  readonly prefix?: string;
}

/** Work of one shape besides what it is made of. */
const shapeWork = 5;

/** Work that one schema may cost: schemas looked at, members, items and states of patterns. */
const mostWork = 100_000;

/**
 * Compiles a JSON Schema to the rules of a grammar that writes only values that are valid, in compact JSON. It may write fewer than are valid, but never others.
 * Throws `invalid_request` for what is no schema or allows no value, `unsupported_field` for what cannot be expressed; both name the keyword by its JSON pointer.
 */
export function compileSchema(source: string, { field, prefix = "s" }: CompileOptions): CompiledSchema {
  const text = schemaText(source, field);
  const queue = compileQueue(text, prefix);
  const root = queue.ruleOf(together([text.root]));
  queue.run();
  const rules = queue.book.finish(root);
  if (rules === undefined) throw invalidField(field, "no value that can be written in the end is valid");
  const fault = grammarFault(rules, root);
  if (fault !== undefined) throw invalidField(field, `its grammar ${fault}`);
  return { root, rules: new Map([...rules].map(([name, expression]) => [name, printed(expression)])) };
}

interface CompileQueue {
  readonly book: Compiler["book"];
  readonly ruleOf: (schemas: Together) => string;
  /** Writes all rules that were asked for; one after the other, so that no schema is too deep. */
  run(): void;
}

function compileQueue(text: SchemaText, prefix: string): CompileQueue {
  const book = ruleBook(prefix);
  const known = new Map<string, string>();
  const shapes = new Map<string, Shape>();
  const open: { readonly name: string; readonly schemas: Together }[] = [];
  let work = 0;
  /** The schema or the alternatives that are being written. */
  let at = text.root.pointer;
  const spend = (more: number, pointer = at) => {
    work += more;
    if (work > mostWork) throw text.unsupported(pointer, "combines more alternatives, members and patterns than can be worked out");
  };
  const ruleOf = (schemas: Together): string => {
    const key = keyOf(schemas);
    const there = known.get(key);
    if (there !== undefined) return there;
    const name = book.name();
    known.set(key, name);
    open.push({ name, schemas });
    return name;
  };
  const compiler: Compiler = {
    book,
    text,
    valueOf: (nodes) => (nodes.every(({ schema }) => schema === true) ? jsonValue(book) : rule(ruleOf(together(nodes)))),
    shapeOf(schemas) {
      const key = keyOf(schemas);
      const there = shapes.get(key);
      spend(there === undefined ? shapeWork : 1);
      const shape = there ?? merged(schemas, text, spend);
      shapes.set(key, shape);
      return shape;
    },
    spend,
  };
  return {
    book,
    ruleOf,
    run() {
      for (let next = open.pop(); next !== undefined; next = open.pop()) {
        const { nodes, chosen } = next.schemas;
        at = [...chosen.keys()].at(-1) ?? nodes[0]?.pointer ?? at;
        book.tell(next.name, valueText(next.schemas, { compiler, ruleOf }));
      }
    },
  };
}

interface Context {
  readonly compiler: Compiler;
  readonly ruleOf: (schemas: Together) => string;
}

function valueText(schemas: Together, { compiler, ruleOf }: Context): Expression {
  const shape = compiler.shapeOf(schemas);
  const [alternatives] = shape.alternatives;
  if (alternatives !== undefined) {
    const { branches, pointer, isExclusive } = alternatives;
    if (isExclusive) checkExclusive(schemas, alternatives, compiler);
    return choice(...branches.map((_, branch) => rule(ruleOf(choosing(schemas, pointer, branch)))));
  }
  if (shape.values !== undefined) return literals(allowedValues(shape, compiler), compiler.book);
  const written = writtenKinds(shape);
  if (written.length === kinds.length && shape.spoken.size === 0) return jsonValue(compiler.book);
  return choice(...written.map((kind) => writers[kind](shape, compiler)));
}

const writers: Readonly<Record<Kind, (shape: Shape, compiler: Compiler) => Expression>> = {
  null: () => literal("null"),
  boolean: () => choice(literal("true"), literal("false")),
  number: numberText,
  string: stringText,
  array: itemList,
  object: memberObject,
};
