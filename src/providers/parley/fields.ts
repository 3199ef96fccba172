import type { JsonObject } from "@bufbuild/protobuf";
import type { ChatRequest } from "../../../gen/parley/v1/chat_pb.ts";
import { fieldPaths, honoured, serviceFields, type FieldTable } from "../../core/fields.ts";
import { isJsonObject } from "../../core/json.ts";

/** What another Parley does with each field: it is asked the same, whatever the contract has, and refuses by name what its own target cannot do. */
export const fields: FieldTable = {
  ...Object.fromEntries(
    fieldPaths()
      .filter((path) => !path.includes("."))
      .map((path) => [path, honoured]),
  ),
  ...serviceFields,
};

/**
 * The request as the other Parley gets it. Which of its upstreams answers is for it to choose, and a repeat of this attempt is another call to it.
 * Options stand under this upstream's name, and what is there is what the other one gets: `{"edge": {"openai": {"seed": 1}}}` becomes `{"openai": {"seed": 1}}`.
 */
export function requestFor(name: string, request: ChatRequest): ChatRequest {
  const { providerOptions, ...rest } = request;
  const options = optionsFor(name, providerOptions);
  return { ...rest, provider: "", idempotencyKey: "", ...(options !== undefined && { providerOptions: options }) };
}

/** What a request says for one upstream alone. */
export function optionsFor(name: string, options: JsonObject | undefined): JsonObject | undefined {
  const own = options?.[name];
  return isJsonObject(own) ? own : undefined;
}
