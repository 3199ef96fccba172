import type { ConnectError } from "@connectrpc/connect";
import { errorToOpenAI, type ParamOf } from "../openai/errors.ts";
import type { DetailBody } from "./wire/detail.ts";

/** The error body of the older services that were made with FastAPI; its text names the field as their caller did. */
export function errorToDetail(error: ConnectError, param?: ParamOf): DetailBody {
  return { detail: errorToOpenAI(error, param).error.message };
}
