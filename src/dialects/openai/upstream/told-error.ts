import { isJsonObject, type JsonObject } from "../../../core/json.ts";

/** An upstream's error as it was told, in whatever shape. */
export interface ToldError {
  readonly words: string;
  readonly type: string;
  readonly code: string;
  /** The parameter at fault; empty: none is named. */
  readonly param: string;
  /** The status that it names itself; undefined: none. */
  readonly status: number | undefined;
  /** Everything else that stood beside these. */
  readonly rest: JsonObject;
}

/** As much of the words as is looked at. */
const mostWords = 4096;

/**
 * Reads an error out of a body or chunk: `{"error": {…}}` as OpenAI, vLLM, llama-server and OpenRouter write it, `{"error": "…"}` as Hugging Face does,
 * `{"object": "error", …}` of older vLLM, and FastAPI's `{"detail": …}`. Undefined where there is none: `error: null` is none, and an empty one.
 */
export function toldErrorOf(value: unknown): ToldError | undefined {
  if (!isJsonObject(value)) return undefined;
  const { error } = value;
  if (isJsonObject(error)) return Object.keys(error).length === 0 ? undefined : told(error);
  if (typeof error === "string" && error !== "") return told({ ...value, message: error });
  if (Array.isArray(error)) return told({ message: error.filter((item) => typeof item === "string").join("; ") });
  if (value["object"] === "error" || value["type"] === "error") return told(value);
  return undefined;
}

/** Reads an error out of the body of a refusal, which may have other shapes than one within an answer. */
export function refusalOf(value: unknown): ToldError | undefined {
  const known = toldErrorOf(value);
  if (known !== undefined || !isJsonObject(value)) return known;
  const { message, detail } = value;
  if (typeof message === "string") return told(value);
  if (typeof detail === "string") return told({ message: detail });
  // FastAPI's list of fields quotes the request: the first one's own words are enough.
  const first: unknown = Array.isArray(detail) ? detail[0] : undefined;
  return isJsonObject(first) ? told({ message: first["msg"] }) : undefined;
}

function told(error: JsonObject): ToldError {
  const { message, type, error_type: otherType, code, param, status } = error;
  return {
    words: textOf(message),
    type: textOf(type) || textOf(otherType),
    code: textOf(code),
    param: textOf(param),
    status: statusOf(code) ?? statusOf(status),
    rest: error,
  };
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value.slice(0, mostWords) : "";
}

/** A number from 400 to 599, also as text. */
function statusOf(value: unknown): number | undefined {
  const number = typeof value === "string" && /^\d{3}$/.test(value) ? Number(value) : value;
  return typeof number === "number" && Number.isInteger(number) && number >= 400 && number <= 599 ? number : undefined;
}
