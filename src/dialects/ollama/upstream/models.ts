import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Capability, ModelSchema, ModelState, type Model } from "../../../../gen/parley/v1/models_pb.ts";
import { isJsonObject, type JsonObject } from "../../../core/json.ts";
import { fault } from "../../../core/reasons.ts";

/** More than anybody pulls; what a hostile list has beyond it is left out. */
const mostModels = 10_000;

/** Reads `/api/tags`. Throws `provider_malformed`. */
export function modelsOf(body: unknown, provider: string): readonly Model[] {
  const list = isJsonObject(body) ? body["models"] : undefined;
  if (!Array.isArray(list)) throw fault("provider_malformed", `${provider} sent no list of models`, { provider });
  return list.slice(0, mostModels).flatMap((item: unknown) => (isJsonObject(item) ? modelOf(item, provider) : []));
}

const untagged = /:latest$/;

function modelOf(item: JsonObject, provider: string): Model[] {
  const { model, name = model, size, modified_at: modified } = item;
  if (typeof name !== "string" || name === "" || name.length > 256) return [];
  const madeMs = typeof modified === "string" ? Date.parse(modified) : Number.NaN;
  const id = name.toWellFormed();
  return [
    create(ModelSchema, {
      id,
      title: id,
      provider,
      state: ModelState.READY,
      ownedBy: "ollama",
      capabilities: capabilitiesOf(item),
      aliases: untagged.test(id) ? [id.replace(untagged, "")] : [],
      ...(Number.isSafeInteger(size) && (size as number) > 0 && { sizeBytes: BigInt(size as number) }),
      ...(madeMs > 0 && { created: timestampFromMs(madeMs) }),
    }),
  ];
}

const known: Readonly<Record<string, Capability>> = {
  completion: Capability.CHAT,
  embedding: Capability.EMBED,
  tools: Capability.TOOLS,
  vision: Capability.VISION,
  thinking: Capability.REASONING,
};

/** Older servers do not tell them: then a model of the BERT family embeds, and all others chat. */
function capabilitiesOf({ capabilities, details }: JsonObject): Capability[] {
  if (Array.isArray(capabilities))
    return capabilities.flatMap((name: unknown) => (typeof name === "string" && Object.hasOwn(known, name) ? [known[name]!] : []));
  const family = isJsonObject(details) ? details["family"] : undefined;
  return [typeof family === "string" && family.includes("bert") ? Capability.EMBED : Capability.CHAT];
}
