import { createContext, Script } from "node:vm";
import { TemplateInterpreter } from "./interpreter.ts";
import { Environment, parsedTemplate, valueOf, type Node, type Value } from "./library.ts";
import { formattedTime } from "./time-format.ts";

/** A chat template that has been read. */
export interface Template {
  readonly text: string;
  /** Names that it asks for or sets. */
  readonly names: ReadonlySet<string>;
  /** Names that it asks values for, such as `content` of `message.content`, and texts that stand in its expressions. */
  readonly words: ReadonlySet<string>;
  /** What it makes of the variables. Throws `TemplateProblem`. */
  render(variables: Readonly<Record<string, unknown>>): string;
}

/** A template that cannot be read, or makes nothing of what it was given. */
export class TemplateProblem extends Error {
  /** The template's own refusal of what it was given, a limit that it passed (nothing is tried again after that), or anything else. */
  readonly kind: "refusal" | "limit" | "fault";

  constructor(message: string, kind: TemplateProblem["kind"]) {
    super(bounded(message));
    this.kind = kind;
  }
}

/** How long anything that a template steers may last, ms, whatever it does: the account of its computing ends it sooner where it only goes round. */
const lastingMs = 5000;
/** Longest template, characters; those of real models have up to 20,000. */
export const maxTemplateLength = 1024 * 1024;
/** Longest list that `range` makes. */
const maxRange = 100_000;
/** A template's own words are the caller's to read, but no more of them than these. */
const maxMessageLength = 300;

/** Reads a template. Throws `TemplateProblem`. */
export function template(text: string): Template {
  if (text.length > maxTemplateLength) throw new TemplateProblem(`it has more than ${maxTemplateLength} characters`, "limit");
  const program = inTime(() => parsedTemplate(text));
  const found = { names: new Set<string>(), words: new Set<string>() };
  collect(program, found);
  return {
    text,
    ...found,
    render(variables) {
      const environment = new Environment();
      for (const [name, value] of globals) environment.variables.set(name, value);
      for (const [name, value] of Object.entries(variables)) environment.variables.set(name, valueOf(value));
      return inTime(() => String(new TemplateInterpreter(environment).run(program).value));
    },
  };
}

class Refusal extends Error {}

const globals: ReadonlyMap<string, Value> = new Map(
  Object.entries({
    true: true,
    false: false,
    none: null,
    True: true,
    False: false,
    None: null,
    raise_exception(message: unknown): never {
      throw new Refusal(String(message));
    },
    range: (...bounds: readonly unknown[]) => range(bounds.map(Number)),
    strftime_now: (format: unknown) => formattedTime(new Date(), String(format)),
  }).map(([name, value]) => [name, valueOf(value)]),
);

function range(bounds: readonly number[]): number[] {
  const [start, stop, step] = [bounds.length > 1 ? bounds[0]! : 0, bounds.length > 1 ? bounds[1]! : bounds[0]!, bounds[2] ?? 1];
  const length = Math.max(0, Math.ceil((stop - start) / step));
  if (!(length <= maxRange)) throw new RangeError(`it makes a range of more than ${maxRange} numbers`);
  return Array.from({ length }, (_, index) => start + index * step);
}

/** Made at the first use. V8 interrupts what runs inside of it, whatever it is. */
let clocked: { readonly script: Script; readonly scope: { work: () => unknown } } | undefined;

/** Runs work that a template steers, and stops it when its time is over. Throws `TemplateProblem`. */
export function inTime<Made>(work: () => Made, timeout = lastingMs): Made {
  clocked ??= { script: new Script("work()"), scope: createContext({ work: undefined }) as { work: () => unknown } };
  clocked.scope.work = work;
  try {
    return clocked.script.runInContext(clocked.scope, { timeout }) as Made;
  } catch (error) {
    throw problemOf(error);
  } finally {
    clocked.scope.work = () => undefined;
  }
}

function problemOf(error: unknown): TemplateProblem {
  if (error instanceof Refusal) return new TemplateProblem(error.message, "refusal");
  if (!isErrorLike(error)) return new TemplateProblem(String(error), "fault");
  if ("code" in error && error.code === "ERR_SCRIPT_EXECUTION_TIMEOUT")
    return new TemplateProblem("it took too long and was stopped", "limit");
  // Of a stack or a length that is at its end V8 tells so itself.
  return new TemplateProblem(error.message, error instanceof RangeError ? "limit" : "fault");
}

/** Errors of the clock come from another realm. */
function isErrorLike(error: unknown): error is Error {
  return typeof error === "object" && error !== null && "message" in error && typeof error.message === "string";
}

function bounded(message: string): string {
  const line = message.replaceAll(/\s+/g, " ").trim();
  return line.length > maxMessageLength ? `${line.slice(0, maxMessageLength)}…` : line;
}

interface Found {
  readonly names: Set<string>;
  readonly words: Set<string>;
}

function collect(node: unknown, found: Found): void {
  if (typeof node !== "object" || node === null) return;
  if (node instanceof Map) return collect([...node], found);
  const { type, value } = node as Node & { value?: unknown };
  if (type === "Comment") return;
  if (typeof value === "string") (type === "Identifier" ? found.names : found.words).add(value);
  for (const child of isField(node) ? [node.object] : Object.values(node)) collect(child, found);
  if (isField(node)) found.words.add(String(node.property.value));
}

/** Whether a node asks a value for a name, as `message.content` does. */
function isField(node: object): node is { readonly object: unknown; readonly property: { readonly value: unknown } } {
  return "computed" in node && node.computed === false;
}
