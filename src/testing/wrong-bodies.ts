import type { RestDocument } from "./rest-document.ts";

type Json = Readonly<Record<string, unknown>>;

/** A body with one thing wrong. */
export interface WrongBody {
  /** Where, such as `messages[0].content`. */
  readonly path: string;
  /** The name that an error must tell: of the field, or of the one whose element it is. */
  readonly field: string;
  /** What stands there. */
  readonly wrong: unknown;
  readonly body: unknown;
}

/** A value of a body that can be made wrong: what it is made of, and where it stands. */
interface Spot {
  readonly schema: Json;
  readonly value: unknown;
  readonly path: string;
  readonly field: string;
  /** Levels that are still looked into. */
  readonly depth: number;
  /** The other shapes it may have: what is right in one of them is not wrong. */
  readonly others: readonly Json[];
}

/** One of each type of JSON but null, which is the same as leaving a field out; and numbers, texts and lists in kinds that matter. */
const candidates: readonly unknown[] = [true, false, 0, 7, 1.5, -1e300, "text", "", [], [7], ["text"], [{}], [[]], {}, { a: 1 }];

/** What stands out of a schema's own bounds. */
function beyond({ minimum, maximum, exclusiveMinimum, maxLength, maxItems, items }: Json): unknown[] {
  const low = [minimum, exclusiveMinimum].filter((bound) => typeof bound === "number").map((bound) => bound - 1);
  const high = typeof maximum === "number" ? [maximum + 1] : [];
  const long = typeof maxLength === "number" ? ["x".repeat(maxLength + 1)] : [];
  const many =
    typeof maxItems === "number" && maxItems < 1000 && items !== undefined ? [Array.from({ length: maxItems + 1 }, () => "x")] : [];
  return [...low, ...high, ...long, ...many];
}

/** How deep fields are looked into: beyond it what is nested repeats. */
const deepest = 7;

/** Every field of a body with every wrong value, each in a body that is right otherwise. */
export function* wrongBodies(whole: Json, example: unknown, document: RestDocument): Generator<WrongBody> {
  const { allows, resolve } = document;
  // What is wrong for one variant may make another: then the body is right.
  for (const wrong of spoiled({ schema: whole, value: example, path: "", field: "", depth: deepest, others: [] }))
    if (!allows(whole, wrong.body)) yield wrong;

  /** All that can be wrong in a spot, as the value that stands there then. */
  function* spoiled(spot: Spot): Generator<WrongBody> {
    const variants = variantsOf(spot);
    for (const { schema: variant, value } of variants) {
      const others = variants.flatMap(({ schema: other }) => (other === variant ? [] : [other]));
      const inner = { ...spot, schema: variant, value, others };
      if (Array.isArray(value)) yield* inList(inner, value);
      else if (typeof value === "object" && value !== null) yield* inObject(inner, value as Json);
    }
  }

  /** The shapes that a spot may have, each with a value: its own where that fits, else one that is made. */
  function variantsOf({ schema: asked, value }: Spot): { readonly schema: Json; readonly value: unknown }[] {
    const meant = resolve(asked);
    const variants = (meant["anyOf"] as Json[] | undefined) ?? [meant];
    if (variants.length === 1) return [{ schema: meant, value }];
    return variants.flatMap((variant) =>
      variantsOf({ ...blank, schema: variant, value: allows(variant, value) ? value : sampleOf(variant) }),
    );
  }

  function* inObject({ schema: { properties = {}, required = [] }, path, depth, others }: Spot, value: Json): Generator<WrongBody> {
    if (depth === 0) return;
    const isRightElsewhere = (name: string, wrong: unknown) =>
      others.some(({ properties: fields, required: needed }) => {
        const other = (fields as Record<string, Json> | undefined)?.[name];
        if (wrong === undefined) return fields !== undefined && !((needed as string[] | undefined)?.includes(name) ?? false);
        return other !== undefined && allows(other, wrong);
      });
    for (const [name, schema] of Object.entries(properties as Record<string, Json>)) {
      const here = path === "" ? name : `${path}.${name}`;
      const beside = companions[name];
      const added = beside === undefined || value[beside] !== undefined ? {} : sampled(beside, properties as Record<string, Json>);
      const put = (each: unknown) => ({ ...value, ...added, [name]: each });
      const isMissed = (required as string[]).includes(name) && !isRightElsewhere(name, undefined);
      if (isMissed) yield { path: here, field: name, wrong: undefined, body: put(undefined) };
      const spot = { schema, value: value[name] ?? sampleOf(schema), path: here, field: name, depth: depth - 1, others: [] };
      for (const each of wrongIn(spot, put)) if (each.path !== here || !isRightElsewhere(name, each.wrong)) yield each;
    }
  }

  function sampled(name: string, { [name]: schema }: Record<string, Json>): Json {
    return schema === undefined ? {} : { [name]: sampleOf(schema) };
  }

  function* inList({ schema: { items }, path, field, depth }: Spot, value: readonly unknown[]): Generator<WrongBody> {
    if (items === undefined || depth === 0) return;
    const schema = items as Json;
    const at = Math.max(0, value.length - 1);
    const put = (each: unknown) => [...value.slice(0, at), each];
    yield* wrongIn({ schema, value: value[at] ?? sampleOf(schema), path: `${path}[${at}]`, field, depth: depth - 1, others: [] }, put);
  }

  function* wrongIn(spot: Spot, put: (value: unknown) => unknown): Generator<WrongBody> {
    const { schema: asked, path, field } = spot;
    const variants = variantsOf(spot);
    for (const wrong of [...candidates, ...variants.flatMap(({ schema: variant }) => beyond(variant))]) {
      if (!allows(asked, wrong)) yield { path, field, wrong, body: put(wrong) };
    }
    for (const inner of spoiled(spot)) yield { ...inner, body: put(inner.body) };
  }

  /** The smallest value that a schema allows. */
  function sampleOf(asked: Json): unknown {
    const meant = resolve(asked);
    const { anyOf, enum: words, const: only, type, properties = {}, required = [] } = meant;
    if (only !== undefined) return only;
    if (Array.isArray(words)) return words[0];
    if (Array.isArray(anyOf)) return sampleOf((anyOf as Json[])[0] ?? {});
    if (type === "object") {
      const fields = properties as Record<string, Json>;
      return Object.fromEntries((required as string[]).map((name) => [name, sampleOf(fields[name] ?? {})]));
    }
    if (type === "array") return meant["items"] === undefined ? [] : [sampleOf(meant["items"] as Json)];
    // The text is base64 too.
    return [1, 0.5, "eHh4", "sk-x", true, null, {}].find((value) => allows(meant, value));
  }
}

const blank = { path: "", field: "", depth: 0, others: [] };

/** Fields that are right only beside another. */
const companions: Readonly<Record<string, string>> = { tool_choice: "tools" };
