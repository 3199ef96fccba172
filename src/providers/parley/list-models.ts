import { create } from "@bufbuild/protobuf";
import { ListModelsRequestSchema, ModelState, type Model } from "../../../gen/parley/v1/models_pb.ts";
import { limitFault, type Limits } from "../../core/limits.ts";
import { fault } from "../../core/reasons.ts";
import { linkSignal } from "../../core/signals.ts";
import { heardText } from "../../dialects/upstream-fault.ts";
import { askOne, type Upstream } from "./call.ts";
import { methods } from "./methods.ts";

const pageSize = 1000;
/** Nobody has more than so many pages of models; a list without an end is a fault. */
const mostPages = 20;

/** What another Parley can serve now. */
export async function listModels(upstream: Upstream, { listModelsMs }: Limits, outer: AbortSignal): Promise<readonly Model[]> {
  const { settings, clock, key } = upstream;
  const { name } = settings;
  const linked = linkSignal(outer);
  const tooLong = () => limitFault("listModelsMs", `${name} did not list its models within ${listModelsMs} ms`, { provider: name });
  const cancel = clock.after(listModelsMs, () => linked.abort(tooLong()));
  const facts = { signal: linked.signal, deadlineMs: undefined, upstreamKey: undefined, span: undefined, hops: 0 };
  try {
    const models: Model[] = [];
    let pageToken = "";
    for (let page = 0; page < mostPages; page++) {
      const request = create(ListModelsRequestSchema, { pageSize, pageToken });
      const answer = await askOne(upstream, methods.listModels, { request, facts });
      for (const model of answer.models) models.push(...served(model, name, key?.reveal()));
      pageToken = answer.nextPageToken;
      if (pageToken === "") return models;
    }
    throw fault("provider_malformed", `${name} lists models without an end`, { provider: name });
  } finally {
    cancel();
    linked.release();
  }
}

/** A model as one of this upstream: what it takes there, and what it is called besides, concerns nobody here. */
function served(model: Model, provider: string, key: string | undefined): Model[] {
  const { id, state, contextLength, created } = model;
  if (id === "" || state === ModelState.CATALOG || state === ModelState.PULLING) return [];
  const isBroken = state === ModelState.FAILED;
  return [
    {
      $typeName: "parley.v1.Model",
      id,
      title: model.title,
      provider,
      // The first request loads what is not loaded there.
      state: isBroken ? state : ModelState.READY,
      problem: isBroken ? heardText(model.problem, key) : "",
      isDefault: false,
      capabilities: model.capabilities,
      licence: model.licence,
      ownedBy: model.ownedBy === "" ? provider : model.ownedBy,
      sha256: model.sha256,
      aliases: [],
      ...(contextLength !== undefined && contextLength > 0 && { contextLength }),
      ...(created !== undefined && { created }),
    },
  ];
}
