import { present, type Json } from "../read.ts";
import { paramOf, type ParamOf } from "../errors.ts";
import type { Place } from "./input.ts";

/** What callers call a field of ours, by its path in the contract: the longest that is a beginning of it counts, and what is below stays. */
const names: readonly (readonly [ours: string, theirs: string])[] = [
  ["max_tokens", "max_output_tokens"],
  ["response_format.json_schema", "text.format"],
  ["response_format.json_object", "text.format"],
  ["response_format", "text.format"],
  ["tool_choice.tool_names", "tool_choice"],
  ["idempotency_key", "idempotency-key"],
];

/** Fields of ours that callers may say in either of two ways. */
const alternatives: ReadonlyMap<string, readonly [string, string]> = new Map([
  ["end_user_id", ["safety_identifier", "user"]],
  ["top_logprobs", ["top_logprobs", "include"]],
]);

/** Names fields as the caller of `/v1/responses` did; paths that are the body's already stay as they are. */
export function responsesParamOf(body: unknown, places: readonly Place[] = []): ParamOf {
  const has = (name: string) => typeof body === "object" && body !== null && present(body as Json, name) !== undefined;
  const isChoiceWord = has("tool_choice") && typeof (body as Json)["tool_choice"] === "string";
  const asChat = paramOf(body);
  return (field) => {
    const either = alternatives.get(field);
    if (either !== undefined) return either.find(has) ?? either[1];
    if (field === "tool_choice.mode" && isChoiceWord) return "tool_choice";
    if (field.startsWith("messages")) return placeOf(field, places);
    if (field.startsWith("tools[")) return field.replace(/^(tools\[\d+\])\.function/, "$1");
    if (field.startsWith("provider_options.openai.")) return field.slice("provider_options.openai.".length);
    return field.startsWith("sampling.") ? asChat(field) : renamed(field);
  };
}

function renamed(field: string): string {
  const known = names.find(([ours]) => field === ours || field.startsWith(`${ours}.`));
  return known === undefined ? field : known[1] + field.slice(known[0].length);
}

function placeOf(field: string, places: readonly Place[]): string {
  const found = /^messages\[(\d+)\](?:\.parts\[(\d+)\](?:\.tool_result\.content(\[\d+\]))?)?/.exec(field);
  const place = places[Number(found?.[1])];
  if (place === undefined) return "input";
  const part = found?.[2] === undefined ? undefined : place.parts[Number(found[2])];
  if (part === undefined) return place.message;
  return found?.[3] === undefined ? part : `${part}.output${found[3]}`;
}
