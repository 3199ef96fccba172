import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Capability, ModelSchema, ModelState, type Model } from "../../../../gen/parley/v1/models_pb.ts";
import { isJsonObject, type JsonObject } from "../../../core/json.ts";
import { fault } from "../../../core/reasons.ts";

/** More models than this are not listed: OpenRouter has hundreds, and nobody's list may fill memory. */
const mostModels = 10_000;

/** Reads the list of models; some servers send the bare list. Throws `provider_malformed`. */
export function modelsOf(body: unknown, provider: string): readonly Model[] {
  const data = isJsonObject(body) ? body["data"] : body;
  if (!Array.isArray(data)) throw fault("provider_malformed", `${provider} sent no list of models: check its base URL`, { provider });
  return data.slice(0, mostModels).flatMap((item: unknown) => (isJsonObject(item) ? modelOf(item, provider) : []));
}

function modelOf(item: JsonObject, provider: string): Model[] {
  const { id, name, created, owned_by: owner } = item;
  if (typeof id !== "string" || id === "" || id.length > 256) return [];
  const contextLength = contextOf(item);
  return [
    create(ModelSchema, {
      id,
      title: textOf(name, id),
      provider,
      state: ModelState.READY,
      capabilities: capabilitiesOf(id, item),
      ownedBy: textOf(owner, provider),
      ...(contextLength !== undefined && { contextLength }),
      ...(isCount(created) && { created: timestampFromMs(created * 1000) }),
    }),
  ];
}

/** Nothing in the format says what a model is for; names of models that make vectors do. What a chat model can do, OpenRouter and llama-server tell. */
function capabilitiesOf(id: string, { architecture, supported_parameters: parameters }: JsonObject): Capability[] {
  if (/embed|bge-|e5-|gte-|minilm/i.test(id)) return [Capability.EMBED];
  const sees = isJsonObject(architecture) && has(architecture["input_modalities"], "image");
  return [
    Capability.CHAT,
    ...(sees ? [Capability.VISION] : []),
    ...(has(parameters, "tools") ? [Capability.TOOLS] : []),
    ...(has(parameters, "reasoning") ? [Capability.REASONING] : []),
  ];
}

function has(list: unknown, word: string): boolean {
  return Array.isArray(list) && list.includes(word);
}

/** Under the names of vLLM, OpenRouter, LM Studio and llama-server. */
function contextOf({ max_model_len: vllm, context_length: router, max_context_length: studio, meta }: JsonObject): number | undefined {
  return [vllm, router, studio, isJsonObject(meta) ? (meta["n_ctx"] ?? meta["n_ctx_train"]) : undefined].find(isCount);
}

function textOf(value: unknown, otherwise: string): string {
  return typeof value === "string" && value !== "" ? value.slice(0, 256).toWellFormed() : otherwise;
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value > 0 && value < 2 ** 31;
}
