import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Capability, ModelSchema, ModelState, type Model } from "../../../../gen/parley/v1/models_pb.ts";
import { isJsonObject, type JsonObject } from "../../../core/json.ts";
import { fault } from "../../../core/reasons.ts";

/** The API's largest page: no service has as many models, so that one page is the list. */
export const modelsPerPage = 1000;

/** Reads the list of models. Throws `provider_malformed`. */
export function modelsOf(body: unknown, provider: string): readonly Model[] {
  const data = isJsonObject(body) ? body["data"] : undefined;
  if (!Array.isArray(data)) throw fault("provider_malformed", `${provider} sent no list of models`, { provider });
  return data.slice(0, modelsPerPage).flatMap((item: unknown) => (isJsonObject(item) ? modelOf(item, provider) : []));
}

function modelOf(item: JsonObject, provider: string): Model[] {
  const { id, display_name: title, created_at: made, max_input_tokens: context, capabilities } = item;
  if (typeof id !== "string" || id === "" || id.length > 256) return [];
  const madeMs = typeof made === "string" ? Date.parse(made) : Number.NaN;
  return [
    create(ModelSchema, {
      id,
      title: typeof title === "string" ? title.slice(0, 256).toWellFormed() : id,
      provider,
      state: ModelState.READY,
      ownedBy: "anthropic",
      capabilities: [Capability.CHAT, Capability.TOOLS, ...told(capabilities)],
      ...(isCount(context) && { contextLength: context }),
      // An unknown date is told as the beginning of the epoch.
      ...(madeMs > 0 && { created: timestampFromMs(madeMs) }),
    }),
  ];
}

function told(capabilities: unknown): Capability[] {
  const has = (name: string) => {
    const capability = isJsonObject(capabilities) ? capabilities[name] : undefined;
    return isJsonObject(capability) && capability["supported"] === true;
  };
  return [...(has("image_input") ? [Capability.VISION] : []), ...(has("thinking") ? [Capability.REASONING] : [])];
}

function isCount(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) > 0 && (value as number) < 2 ** 31;
}
