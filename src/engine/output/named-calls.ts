import type { CallReader, CallSink } from "./call-reader.ts";
import { JsonScanner } from "./json-scanner.ts";

/** No header is longer. */
const mostHeader = 256;

/** Reads a name with marks around it, and then the arguments as a JSON object. */
export class NamedCall implements CallReader {
  readonly #sink: CallSink;
  readonly #header: RegExp;
  readonly #scanner = new JsonScanner();
  #text = "";
  #isTelling = false;

  /** `header` is what stands before the arguments, with the name as its first group. */
  constructor(sink: CallSink, header: RegExp) {
    this.#sink = sink;
    this.#header = header;
  }

  push(character: string): "more" | "end" | "bad" {
    if (!this.#isTelling && character !== "{") {
      this.#text += character;
      return this.#text.length > mostHeader ? "bad" : "more";
    }
    if (!this.#isTelling && !this.#begin()) return "bad";
    const scanned = this.#scanner.push(character);
    if (scanned !== "bad") this.#sink.add(character);
    return scanned === "end" && !this.#sink.finish() ? "bad" : scanned;
  }

  #begin(): boolean {
    const name = this.#header.exec(this.#text)?.[1];
    if (name === undefined || this.#sink.tool(name) === undefined) return false;
    this.#isTelling = true;
    this.#sink.begin(name, "");
    return true;
  }
}
