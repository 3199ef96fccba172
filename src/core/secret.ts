/** By which Node asks an object how to print itself. */
const inspection = Symbol.for("nodejs.util.inspect.custom");

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
