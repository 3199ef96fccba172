/** First and last code point of a range. */
export type Range = readonly [first: number, last: number];

/** What may be written, as a tree. */
export type Expression =
  | { readonly kind: "text"; readonly text: string }
  /** One character of these. */
  | { readonly kind: "set"; readonly ranges: readonly Range[] }
  | { readonly kind: "sequence"; readonly items: readonly Expression[] }
  /** One of them; of none, nothing can ever be written. */
  | { readonly kind: "choice"; readonly items: readonly Expression[] }
  /** `max` may be Infinity. */
  | { readonly kind: "repeat"; readonly item: Expression; readonly min: number; readonly max: number }
  | { readonly kind: "rule"; readonly name: string };

/** The empty text. */
export const nothing: Expression = { kind: "sequence", items: [] };
/** What cannot be written at all. */
export const never: Expression = { kind: "choice", items: [] };

/** A text as it stands. */
export function text(value: string): Expression {
  return value === "" ? nothing : { kind: "text", text: value };
}

/** One character of some ranges. */
export function set(...ranges: readonly Range[]): Expression {
  return ranges.length === 0 ? never : { kind: "set", ranges };
}

/** What a rule of this name writes. */
export function rule(name: string): Expression {
  return { kind: "rule", name };
}

/** One after the other. */
export function sequence(...items: readonly Expression[]): Expression {
  const flat: Expression[] = [];
  for (const item of items.flatMap((each) => (each.kind === "sequence" ? each.items : [each]))) {
    if (isNever(item)) return never;
    const last = flat.at(-1);
    if (item.kind === "text" && last?.kind === "text") flat[flat.length - 1] = { kind: "text", text: last.text + item.text };
    else flat.push(item);
  }
  const [only] = flat;
  return flat.length === 1 && only !== undefined ? only : { kind: "sequence", items: flat };
}

/** One of several. */
export function choice(...items: readonly Expression[]): Expression {
  const flat = items.flatMap((each) => (each.kind === "choice" ? each.items : [each]));
  const [only] = flat;
  return flat.length === 1 && only !== undefined ? only : { kind: "choice", items: flat };
}

/** Once or not at all. */
export function optional(item: Expression): Expression {
  return repeat(item, 0, 1);
}

/** The same, so many times. */
export function repeat(item: Expression, min: number, max: number): Expression {
  if (max < min) return never;
  if (max === 0 || isNothing(item)) return nothing;
  if (isNever(item)) return min === 0 ? nothing : never;
  return min === 1 && max === 1 ? item : { kind: "repeat", item, min, max };
}

/** Whether it cannot be written. */
export function isNever(expression: Expression): boolean {
  return expression.kind === "choice" && expression.items.length === 0;
}

/** Whether it is the empty text alone. */
export function isNothing(expression: Expression): boolean {
  return expression.kind === "sequence" && expression.items.length === 0;
}

/** The same tree with each part below replaced, simplified again. */
export function rebuilt(expression: Expression, replace: (part: Expression) => Expression): Expression {
  switch (expression.kind) {
    case "sequence":
      return sequence(...expression.items.map(replace));
    case "choice":
      return choice(...expression.items.map(replace));
    case "repeat":
      return repeat(replace(expression.item), expression.min, expression.max);
    default:
      return expression;
  }
}

/** GBNF of an expression, on one line. */
export function printed(expression: Expression): string {
  switch (expression.kind) {
    case "text":
      return `"${Array.from(expression.text, inText).join("")}"`;
    case "set":
      return `[${expression.ranges.map(inSet).join("")}]`;
    case "sequence":
      return isNothing(expression)
        ? '""'
        : expression.items.map((item) => (item.kind === "choice" ? `(${printed(item)})` : printed(item))).join(" ");
    case "choice":
      if (isNever(expression)) throw new Error("what cannot be written has no grammar");
      return expression.items.map(printed).join(" | ");
    case "repeat":
      return printedItem(expression.item) + times(expression.min, expression.max);
    default:
      return expression.name;
  }
}

function printedItem(item: Expression): string {
  return item.kind === "set" || item.kind === "rule" || item.kind === "text" ? printed(item) : `(${printed(item)})`;
}

function times(min: number, max: number): string {
  if (max === Infinity) return ["*", "+"][min] ?? `{${min},}`;
  if (min === 0 && max === 1) return "?";
  return min === max ? `{${min}}` : `{${min},${max}}`;
}

function inText(character: string): string {
  if (character === '"' || character === "\\") return `\\${character}`;
  return /[\x20-\x7e]/.test(character) ? character : escaped(character.codePointAt(0) ?? 0);
}

function inSet([first, last]: Range): string {
  const one = (codePoint: number) => {
    const character = String.fromCodePoint(codePoint);
    return /[0-9A-Za-z]/.test(character) ? character : escaped(codePoint);
  };
  if (first === last) return one(first);
  return `${one(first)}-${one(last)}`;
}

function escaped(codePoint: number): string {
  const hex = codePoint.toString(16).toUpperCase();
  if (codePoint <= 0xff) return `\\x${hex.padStart(2, "0")}`;
  return codePoint <= 0xffff ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
}
