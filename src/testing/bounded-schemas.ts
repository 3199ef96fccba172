import { seededRandom } from "./seeded-random.ts";

/** A JSON Schema whose values are bounded, and the keywords in it. */
export interface BoundedSchema {
  readonly schema: Schema;
  /** `format` also as `format: date` and so on. */
  readonly keywords: ReadonlySet<string>;
}

type Schema = Readonly<Record<string, unknown>>;

/** So many schemas, the same for the same seed; every kind of schema that is compiled comes up in turn. */
export function boundedSchemas(count: number, seed: number): BoundedSchema[] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, (_, index) => {
    const make = makers[index % makers.length] ?? anyString;
    const schema = index % 3 === 0 ? wrapped(make, random) : make(random);
    return { schema, keywords: keywordsOf(schema) };
  });
}

type Make = (random: () => number) => Schema;

const formats = ["date", "time", "date-time", "uuid", "email", "ipv4", "ipv6", "hostname", "uri", "duration"];
const patterns = [
  "^[a-z]{1,8}$",
  "^\\d{3}-\\d{4}$",
  "^(red|green|blue)$",
  '^[^"\\\\]{2,5}$',
  "^(?:a(?:b(?:c)?)?)?$",
  "^[A-F0-9]{2}(:[A-F0-9]{2}){1,3}$",
  "^\\w{1,4}@\\w{1,4}$",
];
const words = ["a", "b", "name", "Größe", "x y", 'q"', "tag", "😀"];

function whole(random: () => number, below: number): number {
  return Math.floor(random() * below);
}

function one<Value>(random: () => number, values: readonly Value[]): Value {
  return values[whole(random, values.length)] as Value;
}

const anyString: Make = (random) => ({ type: "string", maxLength: 1 + whole(random, 12) });
const lengthString: Make = (random) => {
  const minLength = whole(random, 5);
  return { type: "string", minLength, maxLength: minLength + whole(random, 8) };
};
const pattern: Make = (random) => ({ type: "string", pattern: one(random, patterns) });
const patternAndLength: Make = (random) => ({
  type: "string",
  pattern: one(random, ["b", "^a", "[0-9]$", "^[a-z]+$"]),
  minLength: 1,
  maxLength: 3 + whole(random, 6),
});
const format =
  (name: string): Make =>
  () => ({ type: "string", format: name });
const integer: Make = () => ({ type: "integer" });
const range: Make = (random) => {
  const minimum = whole(random, 2000) - 1000;
  return { type: "integer", minimum, maximum: minimum + whole(random, 500) };
};
const exclusiveRange: Make = (random) => {
  const low = (whole(random, 2000) - 1000) / 8;
  return { type: "number", exclusiveMinimum: low, exclusiveMaximum: low + 0.5 + whole(random, 40) };
};
const realRange: Make = (random) => ({ type: "number", minimum: -whole(random, 100) / 10, maximum: whole(random, 1000) / 7 });
const multiple: Make = (random) =>
  one(random, [
    { type: "integer", multipleOf: 1 + whole(random, 30) },
    { type: "number", multipleOf: 0.5, minimum: 0, maximum: 40 },
    { type: "number", multipleOf: 0.01, minimum: 0, maximum: 2 },
  ]);
const enumeration: Make = (random) => ({ enum: [one(random, words), whole(random, 100), null, true, [1, "x"], { k: one(random, words) }] });
const typedEnumeration: Make = (random) => ({ type: "string", enum: words.slice(whole(random, 3)) });
const constant: Make = (random) => ({ const: one<unknown>(random, [...words, 3.5, false, { deep: ["x"] }]) });
const nullable: Make = (random) => ({
  ...anyString(random),
  nullable: true,
  title: "T",
  description: "D",
  default: "x",
  examples: ["y"],
  $comment: "C",
});
const types: Make = (random) => ({ type: ["integer", "null", "boolean"], minimum: 0, maximum: 1 + whole(random, 99) });
const list: Make = (random) => {
  const minItems = whole(random, 3);
  return { type: "array", items: leaf(random), minItems, maxItems: minItems + 1 + whole(random, 3) };
};
const tuple: Make = (random) => ({
  type: "array",
  prefixItems: [leaf(random), leaf(random)],
  items: one<unknown>(random, [false, { type: "null" }]),
  minItems: 1,
  maxItems: 4,
});
const map: Make = (random) => ({
  type: "object",
  additionalProperties: leaf(random),
  minProperties: whole(random, 2),
  maxProperties: 1 + whole(random, 2),
});
const members: Make = (random) => objectOf(random, [leaf(random), leaf(random), leaf(random)]);
const anyOf: Make = (random) => ({ anyOf: [leaf(random), leaf(random), { type: "null" }] });
const oneOf: Make = (random) =>
  one<Make>(random, [
    () => ({ oneOf: [{ type: "string", maxLength: 3 }, { type: "integer", minimum: 0, maximum: 9 }, { type: "null" }] }),
    () => ({ oneOf: [tagged("cat", leaf(random)), tagged("dog", leaf(random))] }),
    () => ({
      oneOf: [
        { type: "number", maximum: 0, minimum: -9 },
        { type: "number", exclusiveMinimum: 0, maximum: 9 },
      ],
    }),
  ])(random);
const allOf: Make = (random) => ({ allOf: [range(random), { type: "integer", multipleOf: 1 }, { maximum: 10_000 }] });
const allOfMembers: Make = (random) => ({
  allOf: [objectOf(random, [leaf(random)]), { type: "object", properties: { extra: leaf(random) }, required: ["extra"] }].map(
    withoutClosing,
  ),
});
const reference: Make = (random) => ({
  ...objectOf(random, [{ $ref: "#/$defs/leaf" }, { $ref: "#/definitions/other" }]),
  $defs: { leaf: leaf(random) },
  definitions: { other: leaf(random) },
});
const recursive: Make = (random) => ({
  $ref: "#/$defs/node",
  $defs: {
    node: {
      type: "object",
      properties: { value: leaf(random), next: { type: "array", items: { $ref: "#/$defs/node" }, maxItems: 1 } },
      required: ["value"],
      additionalProperties: false,
    },
  },
});

const leaves: readonly Make[] = [
  anyString,
  lengthString,
  pattern,
  integer,
  range,
  realRange,
  typedEnumeration,
  constant,
  types,
  format("date"),
  format("uuid"),
];
const makers: readonly Make[] = [
  ...[
    anyString,
    lengthString,
    pattern,
    patternAndLength,
    integer,
    range,
    exclusiveRange,
    realRange,
    multiple,
    enumeration,
    typedEnumeration,
    constant,
  ],
  ...[nullable, types, list, tuple, map, members, anyOf, oneOf, allOf, allOfMembers, reference, recursive],
  ...formats.map(format),
];

const leaf: Make = (random) => one(random, leaves)(random);

function objectOf(random: () => number, values: readonly Schema[]): Schema {
  const properties = Object.fromEntries(values.map((value, index) => [`${one(random, words)}${index}`, value]));
  return { type: "object", properties, required: Object.keys(properties).filter(() => random() < 0.6), additionalProperties: false };
}

function tagged(tag: string, value: Schema): Schema {
  return { type: "object", properties: { kind: { const: tag }, value }, required: ["kind"], additionalProperties: false };
}

function withoutClosing({ additionalProperties: _closed, ...open }: Schema): Schema {
  return open;
}

/** The schema as a member beside others; what is referred to from its root stays where it is. */
function wrapped(make: Make, random: () => number): Schema {
  const inner = make(random);
  if ("$defs" in inner) return inner;
  return objectOf(random, [inner, leaf(random)]);
}

function keywordsOf(schema: unknown, into = new Set<string>()): Set<string> {
  if (typeof schema !== "object" || schema === null || Array.isArray(schema)) return into;
  for (const [keyword, value] of Object.entries(schema)) {
    into.add(keyword);
    if (keyword === "format") into.add(`format: ${String(value)}`);
    if (keyword === "$ref" && value === "#/$defs/node") into.add("$ref to itself");
    for (const inner of schemasIn(keyword, value)) keywordsOf(inner, into);
  }
  return into;
}

function schemasIn(keyword: string, value: unknown): readonly unknown[] {
  if (["properties", "$defs", "definitions"].includes(keyword)) return Object.values(value as Schema);
  if (["anyOf", "oneOf", "allOf", "prefixItems"].includes(keyword)) return value as readonly unknown[];
  return ["items", "additionalProperties"].includes(keyword) ? [value] : [];
}
