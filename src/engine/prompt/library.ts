import { Environment as AnyEnvironment, Interpreter as AnyInterpreter, parse, tokenize } from "@huggingface/jinja";

// The library's declarations name their files as bundlers want them, which TypeScript for Node does not follow: what is used of them is declared here.

/** A value while a template is rendered. */
export interface Value {
  readonly type: string;
  readonly value: unknown;
  toString(): string;
}

/** A node of a template that was parsed. */
export interface Node {
  readonly type: string;
}

interface EnvironmentType {
  readonly variables: Map<string, Value>;
  set(name: string, value: unknown): Value;
}

interface InterpreterType {
  run(program: Node): Value;
  evaluate(node: Node | undefined, environment: EnvironmentType): Value;
}

/** Names and their values. */
export type Environment = EnvironmentType;
export const Environment = AnyEnvironment as unknown as new () => EnvironmentType;

/** What runs a template. */
export const Interpreter = AnyInterpreter as unknown as new (environment: EnvironmentType) => InterpreterType;

const parsed = parse as unknown as (tokens: unknown) => Node;
const tokensOf = tokenize as unknown as (text: string, options: object) => unknown;

/** Parses a template; lines that hold only a statement leave nothing behind, as all chat templates expect. */
export function parsedTemplate(text: string): Node {
  return parsed(tokensOf(text, { lstrip_blocks: true, trim_blocks: true }));
}

const scratch = new Environment();
const made = scratch.set("made", "");
/** What all kinds of values descend from. */
const AnyValue = Object.getPrototypeOf(Object.getPrototypeOf(made) as object) as { readonly constructor: new () => Value };

/** A value of the interpreter, of one, of plain data, or of lists of both. */
export function valueOf(value: unknown): Value {
  if (value instanceof AnyValue.constructor) return value;
  if (!Array.isArray(value)) return converted(value);
  const list = converted([]);
  for (const item of value) (list.value as Value[]).push(valueOf(item));
  return list;
}

function converted(data: unknown): Value {
  scratch.variables.delete("made");
  return scratch.set("made", data);
}
