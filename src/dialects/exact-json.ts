/** V8's way to keep a number as it was written; TypeScript's library has no types of it. */
const { rawJSON } = JSON as unknown as { readonly rawJSON: (text: string) => object };

/** Numbers of sixteen digits are those that a double may not hold; those with an exponent, a last zero behind the point or a sign before zero are written otherwise. */
const risky = /\d{16}|\d[eE][+-]?\d|\.\d*0(?!\d)|-0(?![.\d])/;

/** Whether a JSON text may have a number that plain parsing and writing would change; strings count too. */
export function hasRiskyNumber(text: string): boolean {
  return risky.test(text);
}

/** Reads JSON so that `JSON.stringify` writes each number as it was written: an id of twenty digits stays the id that it was. Throws what `JSON.parse` throws. */
export function exactJson(text: string): unknown {
  if (!hasRiskyNumber(text)) return JSON.parse(text);
  return JSON.parse(text, keepNumber);
}

function keepNumber(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  const source = context?.source;
  return typeof value === "number" && source !== undefined && String(value) !== source ? rawJSON(source) : value;
}
