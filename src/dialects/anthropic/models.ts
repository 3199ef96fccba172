import type { Model } from "../../../gen/parley/v1/models_pb.ts";
import { invalidField } from "../../core/reasons.ts";
import type { ModelInfo, ModelPage } from "./wire/models.ts";

/** What is told of a model whose date nobody knows, as the API's own description asks. */
const epoch = "1970-01-01T00:00:00Z";

/** Anthropic's model object. */
export function modelToAnthropic({ id, title, created, contextLength }: Model): ModelInfo {
  return {
    type: "model",
    id,
    display_name: title === "" ? id : title,
    created_at: created === undefined ? epoch : `${new Date(Number(created.seconds) * 1000).toISOString().slice(0, 19)}Z`,
    capabilities: null,
    deprecated_at: null,
    retires_at: null,
    lifecycle: "active",
    line: null,
    max_input_tokens: contextLength ?? null,
    max_tokens: null,
  };
}

/** Which page of a list is asked for. */
export interface PageWish {
  /** Most models of it. */
  readonly limit: number;
  /** What comes behind this id. */
  readonly afterId: string | undefined;
  /** What comes before it. */
  readonly beforeId: string | undefined;
}

/** The API's own page, and its largest. */
const usualPage = 20;
const largestPage = 1000;

/** Reads the query of a list. Throws `invalid_request`. */
export function pageFromAnthropic(query: URLSearchParams): PageWish {
  const text = query.get("limit");
  const limit = text === null ? usualPage : Number(text);
  if (text === "" || !Number.isInteger(limit) || limit < 1 || limit > largestPage)
    throw invalidField("limit", `is no integer from 1 to ${largestPage}`);
  const [afterId, beforeId] = [query.get("after_id") ?? undefined, query.get("before_id") ?? undefined];
  if (afterId !== undefined && beforeId !== undefined) throw invalidField("after_id", "excludes before_id");
  return { limit, afterId, beforeId };
}

/** One page of Anthropic's list of models. An id that is not in the list throws `invalid_request`: going on from it would begin anew for ever. */
export function modelsToAnthropic(models: readonly Model[], { limit, afterId, beforeId }: PageWish): ModelPage {
  const placeOf = (id: string, field: string) => {
    const place = models.findIndex((model) => model.id === id);
    if (place < 0) throw invalidField(field, `${JSON.stringify(id.slice(0, 256))} is no model of the list`);
    return place;
  };
  const from = afterId === undefined ? 0 : placeOf(afterId, "after_id") + 1;
  const end = beforeId === undefined ? models.length : placeOf(beforeId, "before_id");
  const page = beforeId === undefined ? models.slice(from, from + limit) : models.slice(Math.max(0, end - limit), end);
  return {
    data: page.map(modelToAnthropic),
    has_more: beforeId === undefined ? from + limit < models.length : end > limit,
    first_id: page.at(0)?.id ?? null,
    last_id: page.at(-1)?.id ?? null,
  };
}
