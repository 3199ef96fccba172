import { isJsonObject, parsedJson } from "../../core/json.ts";
import { mostHeld, type CallReader, type CallSink } from "./call-reader.ts";
import { JsonScanner, type Scanned } from "./json-scanner.ts";

const space = /\s/;
const firstKey = /^\{\s*"([^"\\]*)"\s*:$/;
const nameMember = /"(?:name|tool_name)"\s*:\s*"([^"\\]*)"\s*,$/;
/** A name has 64 characters at most. */
const longestMember = 128;
/** The usual order, by which arguments can be told while they are written. */
const usual =
  /^\{\s*(?:"(?:id|type)"\s*:\s*"[^"\\]*"\s*,\s*)*"(?:name|tool_name)"\s*:\s*"([^"\\]*)"\s*,\s*"(?:arguments|parameters)"\s*:\s*\{$/;
const keys: ReadonlySet<string> = new Set(["name", "tool_name", "arguments", "parameters", "function", "id", "type", "tool_call_id"]);

/** Reads a call as a JSON object with a name and arguments, or a list of such objects. */
export class JsonCalls implements CallReader {
  readonly #sink: CallSink;
  #state: "before" | "object" | "between" = "before";
  #isList = false;
  #scanner = new JsonScanner();
  #text = "";
  /** Whether the arguments are being told. */
  #isTelling = false;

  constructor(sink: CallSink) {
    this.#sink = sink;
  }

  push(character: string): "more" | "end" | "bad" {
    if (this.#state === "object") return this.#object(character);
    if (space.test(character)) return "more";
    if (this.#state === "between") {
      if (character === "]") return "end";
      this.#state = "before";
      return character === "," ? "more" : "bad";
    }
    if (character === "[" && !this.#isList) {
      this.#isList = true;
      return "more";
    }
    if (character !== "{") return "bad";
    this.#state = "object";
    this.#scanner = new JsonScanner();
    this.#text = "";
    this.#isTelling = false;
    return this.#object(character);
  }

  #object(character: string): "more" | "end" | "bad" {
    const depth = this.#scanner.depth;
    const scanned = this.#scanner.push(character);
    if (this.#isTelling) return this.#told(character, depth, scanned);
    this.#text += character;
    if (scanned === "bad" || this.#text.length > mostHeld) return "bad";
    if (scanned === "end") return this.#whole();
    return this.#decide(character);
  }

  /** The arguments stand one level below the call. */
  #told(character: string, depth: number, scanned: Scanned): "more" | "end" | "bad" {
    if (scanned === "bad") {
      // Small models forget the brace that closes the call; its arguments are there.
      if (depth === 1) this.#sink.finish();
      return "bad";
    }
    if (depth > 1) this.#sink.add(character);
    return scanned === "end" ? this.#end() : "more";
  }

  /** Looks at the places where a call shows, or shows that it is none. */
  #decide(character: string): "more" | "bad" {
    if (this.#scanner.isInText) return "more";
    const { depth } = this.#scanner;
    if (depth === 2 && character === "{") return this.#begin(character);
    return depth === 1 && !this.#mayBeCall(character) ? "bad" : "more";
  }

  /** After a colon the first key is known, after a comma perhaps the name. */
  #mayBeCall(character: string): boolean {
    if (character === ":") return keys.has(firstKey.exec(this.#text)?.[1] ?? "name");
    const name = character === "," ? nameMember.exec(this.#text.slice(-longestMember))?.[1] : undefined;
    return name === undefined || this.#sink.tool(name) !== undefined;
  }

  /** An object one level below: the arguments, where the name stands before them. */
  #begin(character: string): "more" | "bad" {
    const called = usual.exec(this.#text)?.[1];
    if (called === undefined) return "more";
    if (this.#sink.tool(called) === undefined) return "bad";
    this.#isTelling = true;
    this.#sink.begin(called, "}");
    this.#sink.add(character);
    return "more";
  }

  /** The whole object, in another order than the usual. */
  #whole(): "more" | "end" | "bad" {
    const call = callOf(JSON.parse(this.#text));
    if (call === undefined || this.#sink.tool(call.name) === undefined) return "bad";
    this.#sink.begin(call.name, "");
    this.#sink.add(call.arguments);
    return this.#end();
  }

  #end(): "more" | "end" | "bad" {
    if (!this.#sink.finish()) return "bad";
    this.#state = "between";
    return this.#isList ? "more" : "end";
  }
}

/** The call that an object is, in any of the shapes that models write. */
function callOf(value: unknown): { readonly name: string; readonly arguments: string } | undefined {
  if (!isJsonObject(value)) return undefined;
  if (isJsonObject(value["function"])) return callOf(value["function"]);
  const name = value["name"] ?? value["tool_name"] ?? value["function"];
  const given = argumentsOf(value["arguments"] ?? value["parameters"] ?? {});
  return typeof name === "string" && given !== undefined ? { name, arguments: given } : undefined;
}

/** Arguments as JSON text of an object; some models write that text as a string. */
function argumentsOf(value: unknown): string | undefined {
  if (isJsonObject(value)) return JSON.stringify(value);
  return typeof value === "string" && isJsonObject(parsedJson(value)) ? value : undefined;
}
