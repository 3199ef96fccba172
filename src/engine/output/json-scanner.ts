/** What a character did to a JSON value: it goes on, it is complete with this character, or it is none. */
export type Scanned = "more" | "end" | "bad";

/** Deeper values are taken for nonsense; the same bound as for grammars. */
const mostDepth = 200;

const space = /[ \t\r\n]/;
const hexDigit = /[0-9a-fA-F]/;
/** What a number or a word may still become. */
const scalarBeginning = /^(?:-?(?:(?:0|[1-9]\d*)(?:\.\d*)?(?:(?<=\d)[eE][+-]?\d*)?)?|t|tr|tru|f|fa|fal|fals|n|nu|nul)$/;
const scalar = /^(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)$/;

/** What may come next. */
type Expected = "value" | "value or close" | "key" | "key or close" | "colon" | "comma or close" | "string" | "key text" | "scalar";

/** Follows one JSON object or list character by character. Strict: what it calls complete, `JSON.parse` takes. */
export class JsonScanner {
  #open: ("{" | "[")[] = [];
  #expects: Expected = "value";
  /** In a string: nothing, after a backslash, or so many digits of an escape that are still to come. */
  #escape: "none" | "begun" | number = "none";
  #scalar = "";

  /** How many objects and lists are open. */
  get depth(): number {
    return this.#open.length;
  }

  /** Whether the next character is part of a string. */
  get isInText(): boolean {
    return this.#expects === "string" || this.#expects === "key text";
  }

  push(character: string): Scanned {
    if (this.isInText) return this.#text(character);
    if (this.#expects === "scalar") {
      if (scalarBeginning.test(this.#scalar + character) || scalar.test(this.#scalar + character)) {
        this.#scalar += character;
        return this.#scalar.length <= 64 ? "more" : "bad";
      }
      if (!scalar.test(this.#scalar)) return "bad";
      this.#expects = "comma or close";
    }
    return space.test(character) ? (this.#open.length === 0 ? "bad" : "more") : this.#mark(character);
  }

  #text(character: string): Scanned {
    if (this.#escape !== "none") return this.#escaped(character);
    if (character === "\\") this.#escape = "begun";
    else if (character === '"') this.#expects = this.#expects === "key text" ? "colon" : "comma or close";
    return character < " " ? "bad" : "more";
  }

  #escaped(character: string): Scanned {
    if (typeof this.#escape === "number") {
      this.#escape = this.#escape === 1 ? "none" : this.#escape - 1;
      return hexDigit.test(character) ? "more" : "bad";
    }
    this.#escape = character === "u" ? 4 : "none";
    return `"\\/bfnrtu`.includes(character) ? "more" : "bad";
  }

  #mark(character: string): Scanned {
    switch (this.#expects) {
      case "colon":
        return this.#next(character === ":", "value");
      case "key":
        return this.#next(character === '"', "key text");
      case "key or close":
        return character === "}" ? this.#close(character) : this.#next(character === '"', "key text");
      case "comma or close":
        if (character !== ",") return this.#close(character);
        return this.#next(true, this.#open.at(-1) === "{" ? "key" : "value");
      case "value or close":
        return character === "]" ? this.#close(character) : this.#value(character);
      default:
        return this.#value(character);
    }
  }

  #value(character: string): Scanned {
    if (character === "{" || character === "[") {
      this.#open.push(character);
      return this.#next(this.#open.length <= mostDepth, character === "{" ? "key or close" : "value or close");
    }
    // Only objects and lists stand alone: of a number nobody knows where it ends.
    if (this.#open.length === 0) return "bad";
    if (character === '"') return this.#next(true, "string");
    this.#scalar = character;
    return this.#next(scalarBeginning.test(character) || scalar.test(character), "scalar");
  }

  #close(character: string): Scanned {
    if (character !== (this.#open.at(-1) === "{" ? "}" : "]")) return "bad";
    this.#open.pop();
    this.#expects = "comma or close";
    return this.#open.length === 0 ? "end" : "more";
  }

  #next(isGood: boolean, expects: Expected): Scanned {
    this.#expects = expects;
    return isGood ? "more" : "bad";
  }
}
