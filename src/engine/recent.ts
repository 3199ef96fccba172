/** Values by name, so many at most: the one that nobody has asked for for the longest time goes first. */
export class Recent<Value> {
  readonly #most: number;
  /** Those that were asked for last stand last. */
  readonly #values = new Map<string, Value>();

  constructor(most: number) {
    this.#most = most;
  }

  /** The value that is kept; undefined when there is none. */
  find(name: string): Value | undefined {
    const value = this.#values.get(name);
    if (value !== undefined) this.keep(name, value);
    return value;
  }

  /** The value that is kept, or else the one that is made now; what `make` throws is not kept. */
  get(name: string, make: () => Value): Value {
    const known = this.find(name);
    if (known !== undefined) return known;
    const value = make();
    this.keep(name, value);
    return value;
  }

  keep(name: string, value: Value): void {
    this.#values.delete(name);
    this.#values.set(name, value);
    const [oldest] = this.#values.keys();
    if (this.#values.size > this.#most && oldest !== undefined) this.#values.delete(oldest);
  }
}
