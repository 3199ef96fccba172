import type { EngineTool } from "../protocol/prompt.ts";
import { schemaOf } from "./tool-schema.ts";
import { mostHeld, type CallReader, type CallSink } from "./call-reader.ts";

const opening = "<function=";
const closing = "</function>";
const parameterOpening = "<parameter=";
const parameterClosing = "</parameter>";
const space = /\s/;

/** Reads a function with its parameters as elements. It is told when it is complete: only then is it known to be one. */
export class XmlCall implements CallReader {
  readonly #sink: CallSink;
  #text: string;
  #last = "";
  #name: string | undefined;

  /** `begun` is what of it was read as the opener. */
  constructor(sink: CallSink, begun = "") {
    this.#sink = sink;
    this.#text = begun;
  }

  push(character: string): "more" | "end" | "bad" {
    this.#text += character;
    this.#last = this.#last.slice(1 - closing.length) + character;
    if (this.#text.length > mostHeld) return "bad";
    if (this.#text.length <= opening.length) return opening.startsWith(this.#text) ? "more" : "bad";
    return character === ">" ? this.#decide() : "more";
  }

  /** An element has ended: the first names the function. */
  #decide(): "more" | "end" | "bad" {
    this.#name ??= this.#text.slice(opening.length, -1);
    const tool = this.#sink.tool(this.#name);
    if (tool === undefined) return "bad";
    // As it is told by the characters before it; looking at all of the text each time would take the square of it.
    if (!this.#last.endsWith(closing)) return "more";
    const parameters = parametersIn(this.#text, opening.length + this.#name.length + 1);
    if (parameters === undefined) return "more";
    this.#sink.begin(this.#name, "");
    this.#sink.add(argumentsOf(parameters, tool));
    return this.#sink.finish() ? "end" : "bad";
  }
}

/** The parameters of a whole function; undefined where its end is part of a value, or something else stands between them. */
function parametersIn(text: string, from: number): ReadonlyMap<string, string> | undefined {
  const parameters = new Map<string, string>();
  for (let at = from; ;) {
    while (space.test(text.charAt(at))) at++;
    if (text.startsWith(closing, at)) return at + closing.length === text.length ? parameters : undefined;
    const name = text.indexOf(">", at);
    const end = text.indexOf(parameterClosing, name);
    if (!text.startsWith(parameterOpening, at) || name < 0 || end < 0) return undefined;
    const value = text.slice(name + 1, end);
    parameters.set(text.slice(at + parameterOpening.length, name), value.replace(/^\n/, "").replace(/\n$/, ""));
    at = end + parameterClosing.length;
  }
}

/** The parameters as a JSON object, in the order of the schema, where it has them. */
function argumentsOf(given: ReadonlyMap<string, string>, tool: EngineTool): string {
  const types = propertiesOf(tool);
  const order = [...types.keys(), ...[...given.keys()].filter((key) => !types.has(key))];
  const members = order.flatMap((key) => {
    const value = given.get(key);
    return value === undefined ? [] : [`${JSON.stringify(key)}:${valueOf(value, types.get(key))}`];
  });
  return `{${members.join(",")}}`;
}

/** A text stays text where the schema says so; anything else is JSON if it can be. */
function valueOf(text: string, schema: unknown): string {
  const type = typeof schema === "object" && schema !== null && "type" in schema ? schema.type : undefined;
  if (type === "string") return JSON.stringify(text);
  try {
    return JSON.stringify(JSON.parse(text));
  } catch {
    return JSON.stringify(text);
  }
}

function propertiesOf(tool: EngineTool): ReadonlyMap<string, unknown> {
  const { properties } = schemaOf(tool, 0);
  return new Map(typeof properties === "object" && properties !== null ? Object.entries(properties) : []);
}
