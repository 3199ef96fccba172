import { element, folded } from "./elements.js";

/** @typedef {{ [keyword: string]: any }} Schema */
/** @typedef {{ components: { schemas: Record<string, Schema> } }} Description */

/**
 * The schema that a schema means, with the name that it is referred to by.
 * @param {Schema} schema
 * @param {Description} description
 * @returns {{ name: string | undefined, schema: Schema }}
 */
export function resolved(schema, description) {
  const name = typeof schema.$ref === "string" ? schema.$ref.split("/").at(-1) : undefined;
  if (name === undefined) return { name, schema };
  const { $ref: _, ...own } = schema;
  return { name, schema: { ...description.components.schemas[name], ...own } };
}

/**
 * A schema as a tree: each field, what it is made of and what it means.
 * @param {Schema} schema
 * @param {Description} description
 * @returns {HTMLElement}
 */
export function schemaView(schema, description) {
  const { schema: meant } = resolved(schema, description);
  const tree = element("div", { class: "schema" });
  if (meant.description !== undefined) tree.append(element("p", {}, meant.description));
  const parts = partsOf(meant);
  if (parts.length === 0) tree.append(element("code", {}, typeOf(meant)));
  for (const part of parts) tree.append(partView(part, description));
  return tree;
}

/** @typedef {{ name: string, schema: Schema, isRequired: boolean }} Part */

/**
 * What can be looked at below a schema.
 * @param {Schema} schema
 * @returns {Part[]}
 */
function partsOf(schema) {
  if (schema.properties !== undefined) {
    const fields = Object.entries(schema.properties).map(([name, each]) => ({
      name,
      schema: each,
      isRequired: schema.required?.includes(name) ?? false,
    }));
    return [...fields.filter(({ isRequired }) => isRequired), ...fields.filter(({ isRequired }) => !isRequired)];
  }
  if (schema.items !== undefined) return [{ name: "each", schema: schema.items, isRequired: false }];
  const variants = (schema.anyOf ?? schema.oneOf ?? []).filter((/** @type {Schema} */ { type }) => type !== "null");
  if (variants.length > 0)
    return variants.map((/** @type {Schema} */ each) => ({ name: variantName(each), schema: each, isRequired: false }));
  if (typeof schema.additionalProperties === "object") return [{ name: "any key", schema: schema.additionalProperties, isRequired: false }];
  return [];
}

/**
 * What tells one shape of several from the others.
 * @param {Schema} schema
 * @returns {string}
 */
function variantName({ properties = {} }) {
  const telling = Object.entries(properties).find(
    ([name, { const: only, enum: words }]) => only !== undefined || (name === "role" && words),
  );
  return telling === undefined ? "either" : `${telling[0]} ${typeOf(telling[1])}`;
}

/**
 * @param {Part} part
 * @param {Description} description
 * @returns {HTMLElement}
 */
function partView({ name, schema, isRequired }, description) {
  const { schema: meant } = resolved(schema, description);
  // Where a field may be left out, null says no more than that.
  const told = isRequired ? schema : withoutNull(schema);
  const only = resolved(withoutNull(meant), description).schema;
  const meaning = [meant.description ?? only.description, boundsOf(only)].filter((each) => each !== undefined && each !== "");
  const line = [
    element("span", { class: "field" }, name),
    element("code", {}, typeOf(told)),
    ...(isRequired ? [element("span", { class: "required" }, "required")] : []),
    ...(meaning.length === 0 ? [] : [element("span", { class: "meaning" }, meaning.join(" "))]),
  ];
  const inner = innerOf(meant, description);
  if (inner === undefined) return element("div", { class: "leaf" }, ...line);
  return folded(line, () => schemaView({ ...inner, description: undefined }, description));
}

/**
 * What opens below a schema; undefined: nothing that its line does not say.
 * @param {Schema} schema
 * @param {Description} description
 * @returns {Schema | undefined}
 */
function innerOf(schema, description) {
  if (schema.properties !== undefined) return schema;
  if (schema.items !== undefined) return innerOf(resolved(schema.items, description).schema, description);
  const variants = (schema.anyOf ?? schema.oneOf ?? []).filter((/** @type {Schema} */ each) => each.type !== "null");
  const shaped = variants.filter((/** @type {Schema} */ each) => innerOf(resolved(each, description).schema, description) !== undefined);
  if (shaped.length === 1 && variants.length === 1) return innerOf(resolved(shaped[0], description).schema, description);
  if (shaped.length > 0) return schema;
  return typeof schema.additionalProperties === "object" ? schema : undefined;
}

/**
 * A schema in few words.
 * @param {Schema} schema
 * @returns {string}
 */
function typeOf(schema) {
  if (typeof schema.$ref === "string") return schema.$ref.split("/").at(-1) ?? "";
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return schema.enum.map((/** @type {unknown} */ each) => JSON.stringify(each)).join(" | ");
  const variants = schema.anyOf ?? schema.oneOf;
  if (variants !== undefined) return [...new Set(variants.map(typeOf))].join(" | ");
  if (schema.type === "array") return schema.items === undefined ? "array" : `${bracketed(typeOf(schema.items))}[]`;
  return schema.type === undefined ? "anything" : [schema.type].flat().join(" | ");
}

/**
 * @param {string} type
 * @returns {string}
 */
function bracketed(type) {
  return type.includes(" ") ? `(${type})` : type;
}

/**
 * A schema without the null that it allows beside.
 * @param {Schema} schema
 * @returns {Schema}
 */
function withoutNull(schema) {
  const { anyOf, ...rest } = schema;
  if (anyOf === undefined) return schema;
  const others = anyOf.filter((/** @type {Schema} */ { type }) => type !== "null");
  return others.length === 1 ? { ...others[0], ...rest } : { ...rest, anyOf: others };
}

/** What no caller comes near: the range of the type itself. */
const unbounded = 2_147_483_647;

/**
 * The range of a number, the length of a text or list, in words.
 * @param {Schema} schema
 * @returns {string}
 */
function boundsOf({ minimum, exclusiveMinimum, maximum, maxLength, maxItems }) {
  if (maxLength !== undefined) return `Up to ${maxLength} characters.`;
  if (maxItems !== undefined) return `Up to ${maxItems} of them.`;
  const low = exclusiveMinimum === undefined ? lowText(minimum) : `Above ${exclusiveMinimum}`;
  const high = maximum < unbounded ? String(maximum) : "";
  if (low !== "" && high !== "") return `${low} to ${high}.`;
  if (high !== "") return `Up to ${high}.`;
  return low === "" || exclusiveMinimum !== undefined ? low : `${low} or more.`;
}

/**
 * @param {number | undefined} minimum
 * @returns {string}
 */
function lowText(minimum) {
  return minimum === undefined || minimum < -unbounded ? "" : String(minimum);
}
