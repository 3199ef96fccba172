import { annotations, refusedKeywords } from "./keywords.ts";
import { keywordReaders } from "./keyword-readers.ts";
import { below, type SchemaNode, type SchemaText } from "./schema-text.ts";
import { anyShape, type Alternatives, type Shape } from "./shape.ts";

/** Schemas that all hold, and of alternatives that were met the branch that was chosen, by their pointer. */
export interface Together {
  readonly nodes: readonly SchemaNode[];
  readonly chosen: ReadonlyMap<string, number>;
}

/** Schemas without a choice. */
export function together(nodes: readonly SchemaNode[]): Together {
  return { nodes, chosen: new Map() };
}

/** The same with one branch of some alternatives chosen. */
export function choosing({ nodes, chosen }: Together, pointer: string, branch: number): Together {
  return { nodes, chosen: new Map([...chosen, [pointer, branch]]) };
}

/** By what the same schemas are known again. */
export function keyOf({ nodes, chosen }: Together): string {
  const pointers = [...new Set(nodes.map(({ pointer }) => pointer))].toSorted();
  return JSON.stringify([pointers, [...chosen].toSorted(([one], [other]) => (one < other ? -1 : 1))]);
}

interface Open {
  readonly node: SchemaNode;
  readonly from: Open | undefined;
}

/** The shape of all of them, with `$ref`, `allOf` and the chosen branches followed. `spend` is told how much was looked at. */
export function merged({ nodes, chosen }: Together, text: SchemaText, spend: (work: number) => void): Shape {
  const shape = anyShape();
  const done = new Set<string>();
  const open: Open[] = nodes.map((node): Open => ({ node, from: undefined })).toReversed();
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    spend(1);
    refuseCycle(next, text);
    if (done.has(next.node.pointer)) continue;
    done.add(next.node.pointer);
    const from = next;
    spend(workOf(from.node));
    const inner = readNode(shape, from.node, { text, chosen });
    open.push(...inner.map((node): Open => ({ node, from })).toReversed());
  }
  return shape;
}

/** References, `allOf` and alternatives that are followed from one schema to the next. */
const longestChain = 256;

/** A schema that is itself without an object or a list in between says nothing, and validators never end with it. */
function refuseCycle({ node, from }: Open, text: SchemaText): void {
  let length = 0;
  for (let at = from; at !== undefined; at = at.from) {
    if (at.node.pointer === node.pointer) throw text.invalid(node.pointer, "refers to itself with neither object nor list in between");
    if (++length > longestChain) throw text.invalid(node.pointer, `is reached over more than ${longestChain} references`);
  }
}

/** How many things a schema holds. */
function workOf({ schema }: SchemaNode): number {
  if (typeof schema === "boolean") return 0;
  return Object.values(schema).reduce<number>(
    (sum, value) => sum + 1 + (typeof value === "object" && value !== null ? Object.keys(value).length : 0),
    0,
  );
}

interface Context {
  readonly text: SchemaText;
  readonly chosen: ReadonlyMap<string, number>;
}

/** Reads a schema into a shape, and tells the schemas that must hold with it. */
function readNode(shape: Shape, node: SchemaNode, { text, chosen }: Context): SchemaNode[] {
  const { schema, pointer } = node;
  if (schema === true) return [];
  if (schema === false) {
    shape.kinds = new Set();
    return [];
  }
  const inner: SchemaNode[] = [];
  for (const [keyword, value] of Object.entries(schema)) {
    const at = below(pointer, keyword);
    if (keyword === "$ref") inner.push(text.resolve(value, at));
    else if (keyword === "allOf") inner.push(...allOf(value, at, text));
    else readKeyword(shape, { keyword, value, at, node }, text);
  }
  return [...inner, ...takeChosen(shape, chosen)];
}

function allOf(value: unknown, at: string, text: SchemaText): SchemaNode[] {
  if (!Array.isArray(value) || value.length === 0) throw text.invalid(at, "must be a list of schemas");
  return value.map((each, index) => text.node(each, below(at, index)));
}

interface Keyword {
  readonly keyword: string;
  readonly value: unknown;
  readonly at: string;
  readonly node: SchemaNode;
}

function readKeyword(shape: Shape, { keyword, value, at, node }: Keyword, text: SchemaText): void {
  if (annotations.has(keyword) || keyword.startsWith("x-") || isAnyName(keyword, value)) return;
  if (keyword === "$id") {
    if (node.pointer === "#") return;
    throw text.unsupported(at, "gives a part of the schema an address of its own");
  }
  const read = Object.hasOwn(keywordReaders, keyword) ? keywordReaders[keyword] : undefined;
  if (read !== undefined) return read({ shape, value, pointer: at, node, text });
  throw text.unsupported(at, refusedKeywords.get(keyword) ?? "is not a keyword that this service knows");
}

/** Names of members are texts: a schema that says no more of them, as those of records in several libraries, says nothing. */
function isAnyName(keyword: string, value: unknown): boolean {
  return keyword === "propertyNames" && ["true", "{}", '{"type":"string"}'].includes(JSON.stringify(value));
}

/** Replaces alternatives of which a branch was chosen by that branch. */
function takeChosen(shape: Shape, chosen: ReadonlyMap<string, number>): SchemaNode[] {
  const isChosen = ({ pointer }: Alternatives) => chosen.has(pointer);
  const taken = shape.alternatives.filter(isChosen);
  shape.alternatives = shape.alternatives.filter((each) => !isChosen(each));
  return taken.flatMap(({ branches, pointer }) => branches[chosen.get(pointer) ?? 0] ?? []);
}
