import type { EngineTool } from "../protocol.ts";
import { mostHeld, type CallReader, type CallSink } from "./call-reader.ts";

const opening = "<function=";
const closing = "</function>";
const whole = /^<function=([A-Za-z0-9_-]+)>\s*((?:<parameter=[^<>\n]+>[^]*?<\/parameter>\s*)*)<\/function>$/;
const parameter = /<parameter=([^<>\n]+)>\n?([^]*?)\n?<\/parameter>/g;

/** Reads a function with its parameters as elements. It is told when it is complete: only then is it known to be one. */
export class XmlCall implements CallReader {
  readonly #sink: CallSink;
  #text: string;
  #name: string | undefined;

  /** `begun` is what of it was read as the opener. */
  constructor(sink: CallSink, begun = "") {
    this.#sink = sink;
    this.#text = begun;
  }

  push(character: string): "more" | "end" | "bad" {
    this.#text += character;
    if (this.#text.length > mostHeld) return "bad";
    if (this.#text.length <= opening.length) return opening.startsWith(this.#text) ? "more" : "bad";
    return character === ">" ? this.#decide() : "more";
  }

  /** An element has ended: the first names the function. */
  #decide(): "more" | "end" | "bad" {
    this.#name ??= this.#text.slice(opening.length, -1);
    const tool = this.#sink.tool(this.#name);
    if (tool === undefined) return "bad";
    if (!this.#text.endsWith(closing)) return "more";
    const parameters = whole.exec(this.#text)?.[2];
    if (parameters === undefined) return "bad";
    this.#sink.begin(this.#name, "");
    this.#sink.add(argumentsOf(parameters, tool));
    return this.#sink.finish() ? "end" : "bad";
  }
}

/** The parameters as a JSON object, in the order of the schema, where it has them. */
function argumentsOf(text: string, tool: EngineTool): string {
  const types = propertiesOf(tool);
  const given = new Map([...text.matchAll(parameter)].map(([, key = "", value = ""]) => [key, value] as const));
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

function propertiesOf({ parameters }: EngineTool): ReadonlyMap<string, unknown> {
  const schema: unknown = parameters === "" ? {} : JSON.parse(parameters);
  const properties = typeof schema === "object" && schema !== null && "properties" in schema ? schema.properties : undefined;
  return new Map(typeof properties === "object" && properties !== null ? Object.entries(properties) : []);
}
