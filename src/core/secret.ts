/** By which Node asks an object how to print itself. */
const inspection = Symbol.for("nodejs.util.inspect.custom");

/** What is shorter stands in other words too, and is no secret: taken out of a text, it would spoil what that says. */
const shortestSecret = 8;

/** A text from elsewhere without the key that was sent there: some upstreams repeat the key that they refuse. */
export function withoutKey(text: string, key: string | undefined): string {
  return key === undefined || key.length < shortestSecret ? text : text.replaceAll(key, "***");
}

/** A text that no log, error, print or JSON shows. */
export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** The text itself: for the request that needs it, and nothing else. */
  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return "***";
  }

  toJSON(): string {
    return "***";
  }

  [inspection](): string {
    return "***";
  }
}
