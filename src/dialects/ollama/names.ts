import { invalidField } from "../../core/reasons.ts";
import { present, read, required, textAt, type Json } from "../openai/read.ts";

/** The tag that a name without one means. */
const latest = ":latest";

/** The model that a body names, never the default by saying nothing; older clients call the field `name`. Throws `invalid_request`. */
export function modelAt(body: Json): string {
  const name = read(body, "name", textAt);
  const model = name !== undefined && present(body, "model") === undefined ? name : textAt(required(body, "model", ""), "model");
  if (model === "") throw invalidField("model", "is empty");
  return model;
}

/** Whether a name says the tag that all others mean. */
export function isLatest(name: string): boolean {
  return name.endsWith(latest) && name.length > latest.length;
}

/** A name without the tag that it means anyway. */
export function withoutLatest(name: string): string {
  return isLatest(name) ? name.slice(0, -latest.length) : name;
}

/** A model's id as clients list it: always with a tag, which some look for. */
export function withTag(id: string): string {
  return id.includes(":", id.lastIndexOf("/") + 1) ? id : id + latest;
}
