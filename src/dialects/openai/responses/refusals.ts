import { unsupportedField } from "../../../core/reasons.ts";
import { booleanAt, objectAt, oneOf, present, read, readAt, textAt, type Json } from "../read.ts";

/** Fields that are known and that cannot be honoured, whatever they say. */
const refusals: Readonly<Record<string, string>> = {
  previous_response_id: "nothing is kept; send in input what was said before",
  conversation: "nothing is kept; send in input what was said before",
  prompt: "no prompts are kept; send instructions and input",
  moderation: "this service moderates nothing",
  access_programs: "there are none",
};

/** Switches that can only be off. */
const switches: Readonly<Record<string, string>> = {
  background: "nothing is kept that could be asked for later; send stream",
  store: "nothing is kept; send false",
};

const truncationOf = oneOf({ auto: "auto", disabled: "disabled" });
const compressionOf = oneOf({ auto: "auto", enabled: "enabled", disabled: "disabled" });
const contextOf = oneOf({ auto: "auto", current_turn: "current_turn", all_turns: "all_turns" });

/** Refuses the first thing that is known, cannot be honoured and asks for something. Throws `unsupported_field`, and `invalid_request` for what has the wrong type. */
export function refuseUnsupported(body: Json): void {
  for (const [name, because] of Object.entries(refusals)) if (present(body, name) !== undefined) throw unsupportedField(name, because);
  for (const [name, because] of Object.entries(switches)) if (read(body, name, booleanAt) === true) throw unsupportedField(name, because);
  if (read(body, "truncation", truncationOf) === "auto") throw unsupportedField("truncation", "a prompt is never cut; shorten the input");
  const contexts = present(body, "context_management");
  if (contexts !== undefined && !(Array.isArray(contexts) && contexts.length === 0))
    throw unsupportedField("context_management", "nothing is compacted; shorten the input");
  refuseBelow(body);
}

function refuseBelow(body: Json): void {
  const compression = below(body, "image.context_compression", compressionOf) ?? "auto";
  if (compression !== "auto") throw unsupportedField("image.context_compression", "images are passed on as they are");
  const context = below(body, "reasoning.context", contextOf) ?? "auto";
  if (context !== "auto") throw unsupportedField("reasoning.context", "the model's own template decides which thinking it is shown");
  const mode = below(body, "reasoning.mode", textAt) ?? "standard";
  if (mode !== "standard") throw unsupportedField("reasoning.mode", "send reasoning.effort");
}

/** Reads a field of a field. */
function below<Value>(body: Json, path: `${string}.${string}`, as: (value: unknown, path: string) => Value): Value | undefined {
  const [name = "", inner = ""] = path.split(".");
  const object = read(body, name, objectAt);
  return object === undefined ? undefined : readAt(object, { at: `${name}.`, name: inner }, as);
}
