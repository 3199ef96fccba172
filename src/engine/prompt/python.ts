import type { Value } from "./library.ts";

/** A method or filter in use. Its arguments are evaluated when they are asked for, and must be no more than once. */
export interface Call {
  readonly self: Value;
  readonly arguments: () => readonly Value[];
}

/** What a method or filter makes: a value, or one still to be made of plain data; undefined: the library has it for this kind of value. */
type Made = { readonly value: unknown } | undefined;

/** Methods of Python's texts, lists and mappings that templates call and the library lacks. */
export const methods: Readonly<Record<string, (call: Call) => Made>> = {
  append({ self, arguments: args }) {
    if (!Array.isArray(self.value)) return undefined;
    self.value.push(...(args().slice(0, 1) as never[]));
    return { value: null };
  },
  pop({ self, arguments: args }) {
    if (!Array.isArray(self.value)) return undefined;
    const at = numberOf(args()[0], -1);
    return { value: (self.value as unknown[]).splice(at, 1)[0] };
  },
  format({ self, arguments: args }) {
    if (typeof self.value !== "string") return undefined;
    const values = args();
    let next = 0;
    return { value: self.value.replaceAll(/\{(\d*)\}/g, (_whole, place: string) => textOf(values[place === "" ? next++ : Number(place)])) };
  },
  strip: (call) => stripped(call, { start: true, end: true }),
  lstrip: (call) => stripped(call, { start: true, end: false }),
  rstrip: (call) => stripped(call, { start: false, end: true }),
  rsplit({ self, arguments: args }) {
    if (typeof self.value !== "string") return undefined;
    const [separator, most] = args();
    const parts = typeof separator?.value === "string" ? self.value.split(separator.value) : self.value.trim().split(/\s+/);
    const keep = numberOf(most, -1);
    if (keep < 0 || parts.length <= keep + 1) return { value: parts };
    const glue = typeof separator?.value === "string" ? separator.value : " ";
    return { value: [parts.slice(0, parts.length - keep).join(glue), ...parts.slice(parts.length - keep)] };
  },
  splitlines: ({ self }) => (typeof self.value === "string" ? { value: self.value.split(/\r\n|\r|\n/) } : undefined),
  isdigit: ({ self }) => (typeof self.value === "string" ? { value: /^\p{Nd}+$/u.test(self.value) } : undefined),
  count({ self, arguments: args }) {
    const [what] = args();
    if (typeof self.value !== "string" || typeof what?.value !== "string" || what.value === "") return undefined;
    return { value: self.value.split(what.value).length - 1 };
  },
};

/** Filters that the library lacks for some kinds of values. */
export const filters: Readonly<Record<string, (call: Call) => Made>> = {
  string: ({ self }) => (isPlain(self) ? undefined : { value: self.toString() }),
  upper: ({ self }) => (typeof self.value === "string" ? undefined : { value: textOf(self).toUpperCase() }),
  lower: ({ self }) => (typeof self.value === "string" ? undefined : { value: textOf(self).toLowerCase() }),
  trim: ({ self }) => (typeof self.value === "string" ? undefined : { value: textOf(self).trim() }),
  min: ({ self }) => ({ value: extreme(self, (one, other) => one < other) }),
  max: ({ self }) => ({ value: extreme(self, (one, other) => one > other) }),
  // Keys of mappings may be numbers, which the library sorts as texts.
  dictsort: ({ self }) => {
    const entries = self.value instanceof Map ? [...(self.value as Map<unknown, Value>)] : [];
    const isNumbered = entries.length > 0 && entries.every(([key]) => typeof key === "number");
    return isNumbered ? { value: entries.toSorted(([one], [other]) => Number(one) - Number(other)) } : undefined;
  },
  list: ({ self }) => {
    if (typeof self.value === "string") return { value: Array.from(self.value) };
    return self.value instanceof Map ? { value: [...self.value.keys()] } : undefined;
  },
  from_json({ self }) {
    if (typeof self.value !== "string") return undefined;
    return { value: JSON.parse(self.value) as unknown };
  },
};

/** Python's `strip` with the characters that are stripped; without them the library's own. */
function stripped({ self, arguments: args }: Call, ends: { readonly start: boolean; readonly end: boolean }): Made {
  const text = self.value;
  const [characters] = args();
  if (typeof text !== "string" || typeof characters?.value !== "string") return undefined;
  const stays = Array.from(text, (character) => !(characters.value as string).includes(character));
  const [first, last] = [stays.indexOf(true), stays.lastIndexOf(true)];
  if (first < 0) return { value: "" };
  const kept = Array.from(text);
  return { value: kept.slice(ends.start ? first : 0, ends.end ? last + 1 : kept.length).join("") };
}

function extreme({ value }: Value, isBetter: (one: number | string, other: number | string) => boolean): Value | undefined {
  const items = Array.isArray(value) ? (value as Value[]) : [];
  return items.reduce<Value | undefined>(
    (best, item) => (best === undefined || isBetter(item.value as number, best.value as number) ? item : best),
    undefined,
  );
}

/** Whether the library's own filter makes text of it. */
function isPlain({ value }: Value): boolean {
  return ["string", "number", "boolean"].includes(typeof value) || Array.isArray(value);
}

function numberOf(value: Value | undefined, otherwise: number): number {
  return typeof value?.value === "number" ? value.value : otherwise;
}

function textOf(value: Value | undefined): string {
  return value === undefined || value.value === undefined || value.value === null ? "" : value.toString();
}
