/** Events by number, that can be awaited before and after they happen. */
export interface Milestones<Value> {
  readonly reached: (number: number) => Promise<Value>;
  readonly reach: (number: number, value: Value) => void;
}

/** Makes them, none of which has happened. */
export function milestones<Value>(): Milestones<Value> {
  const all = new Map<number, PromiseWithResolvers<Value>>();
  const at = (number: number) => {
    const there = all.get(number) ?? Promise.withResolvers<Value>();
    all.set(number, there);
    return there;
  };
  return { reached: (number) => at(number).promise, reach: (number, value) => at(number).resolve(value) };
}
