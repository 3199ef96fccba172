import { fault } from "../core/reasons.ts";

/** Where in a file of JSON a value stands. */
export interface JsonPlace {
  /** The file, for errors. */
  readonly name: string;
  /** Keys and indexes from the root, such as `models[3].sources[0]`; empty at the root. */
  readonly path: string;
}

/** Reads the keys of a JSON object one by one; each method throws `invalid_request` that names the place when the value is not as asked. */
export class JsonShape {
  readonly #place: JsonPlace;
  readonly #values: Readonly<Record<string, unknown>>;

  /** Throws when the value is no object, or has a key that is not among the known. */
  constructor(place: JsonPlace, value: unknown, knownKeys: readonly string[]) {
    this.#place = place;
    if (typeof value !== "object" || value === null || Array.isArray(value)) this.refuse("", "must be an object");
    this.#values = value as Readonly<Record<string, unknown>>;
    for (const key of Object.keys(this.#values)) {
      if (!knownKeys.includes(key)) this.refuse(key, `is no key of this object; known are ${knownKeys.join(", ")}`);
    }
  }

  has(key: string): boolean {
    return Object.hasOwn(this.#values, key);
  }

  text(key: string, pattern = /\S/, problem = "must be a text that is not empty"): string {
    const value = this.#values[key];
    if (typeof value !== "string" || !pattern.test(value)) this.refuse(key, problem);
    return value;
  }

  optionalText(key: string, pattern: RegExp, problem: string): string | undefined {
    return this.has(key) ? this.text(key, pattern, problem) : undefined;
  }

  optionalCount(key: string): number | undefined {
    if (!this.has(key)) return undefined;
    const value = this.#values[key];
    if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 1) this.refuse(key, "must be a positive whole number");
    return value;
  }

  flag(key: string, missing: boolean): boolean {
    const value = this.has(key) ? this.#values[key] : missing;
    if (typeof value !== "boolean") this.refuse(key, "must be true or false");
    return value;
  }

  oneOf<const Choice extends string>(key: string, choices: readonly Choice[]): Choice {
    const choice = choices.find((each) => each === this.#values[key]);
    return choice ?? this.refuse(key, `must be one of ${choices.join(", ")}`);
  }

  list(key: string): { readonly value: unknown; readonly place: JsonPlace }[] {
    const value = this.#values[key];
    if (!Array.isArray(value)) this.refuse(key, "must be a list");
    const { name } = this.#place;
    return value.map((each: unknown, index) => ({ value: each, place: { name, path: `${this.#pathOf(key)}[${index}]` } }));
  }

  /** Throws for a key of this object; for the object itself when the key is empty. */
  refuse(key: string, problem: string): never {
    throw fault("invalid_request", `${this.#place.name}: ${this.#pathOf(key) || "the file"}: ${problem}`);
  }

  #pathOf(key: string): string {
    const { path } = this.#place;
    return path === "" || key === "" ? path + key : `${path}.${key}`;
  }
}
