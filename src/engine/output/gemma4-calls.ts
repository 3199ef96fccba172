import { mostHeld, type CallReader, type CallSink } from "./call-reader.ts";

const quote = '<|"|>';
const closing = "<tool_call|>";
const whole = /^call:([A-Za-z0-9_-]+)(\{[^]*\})<tool_call\|>$/;
const longestKey = 256;
const bareKey = /^[A-Za-z_][\w-]*(?=\s*:)/;

/** Reads a call in Gemma 4's notation: bare keys, and texts between marks of their own. It is told when it is complete. */
export class Gemma4Call implements CallReader {
  readonly #sink: CallSink;
  #text = "";

  constructor(sink: CallSink) {
    this.#sink = sink;
  }

  push(character: string): "more" | "end" | "bad" {
    this.#text += character;
    if (this.#text.length > mostHeld || !"call:".startsWith(this.#text.slice(0, 5))) return "bad";
    if (character !== ">" || !this.#text.endsWith(closing)) return "more";
    return this.#whole();
  }

  #whole(): "end" | "bad" {
    const [, name = "", notation = ""] = whole.exec(this.#text) ?? [];
    const given = jsonOf(notation);
    if (given === undefined || this.#sink.tool(name) === undefined) return "bad";
    this.#sink.begin(name, "");
    this.#sink.add(given);
    return this.#sink.finish() ? "end" : "bad";
  }
}

/** The notation as JSON; undefined if it is none. */
function jsonOf(notation: string): string | undefined {
  let json = "";
  for (let at = 0; at < notation.length;) {
    const part = partAt(notation, at);
    if (part === undefined) return undefined;
    json += part.json;
    at = part.end;
  }
  try {
    return JSON.stringify(JSON.parse(json));
  } catch {
    return undefined;
  }
}

/** A text, a bare key or one other character; undefined for a text without an end. */
function partAt(notation: string, at: number): { readonly json: string; readonly end: number } | undefined {
  if (notation.startsWith(quote, at)) {
    const end = notation.indexOf(quote, at + quote.length);
    return end < 0 ? undefined : { json: JSON.stringify(notation.slice(at + quote.length, end)), end: end + quote.length };
  }
  const key = bareKey.exec(notation.slice(at, at + longestKey))?.[0];
  return key === undefined ? { json: notation.charAt(at), end: at + 1 } : { json: JSON.stringify(key), end: at + key.length };
}
