import { ModelState, type LoadOptions } from "../../../../gen/parley/v1/models_pb.ts";
import type { Prepare } from "../../../core/context.ts";
import type { Models } from "../../../core/ports.ts";
import { fieldsFault, reasonOf } from "../../../core/reasons.ts";
import { throwIfAborted, untilAborted } from "../../../core/signals.ts";
import { modelChoiceFrom, fileName, type DistillerChat } from "../../../dialects/older/distiller.ts";
import type { SetModelAnswer } from "../../../dialects/older/wire/distiller.ts";
import { allowedModel } from "../../allowed-models.ts";
import type { Doors, Serve } from "../../exchange.ts";
import { mayManage } from "../../may-manage.ts";
import { jsonRoute } from "../json-route.ts";
import { detailEnvelope } from "./envelopes.ts";

const there: ReadonlySet<ModelState> = new Set([ModelState.READY, ModelState.LOADING]);

/** Has the model that answers a chat - the default where it names none - loaded as the chat says, where it is not loaded. Such a load changes what is served: it is for those who may. Undefined: the chat does not say. */
export function loadFirst({ load }: DistillerChat, { models }: Doors["service"]): Prepare | undefined {
  if (load === undefined) return undefined;
  return async function loadAsAsked({ model, caller, signal }) {
    // There is no default: whoever routes the call says so.
    if (model === "") return;
    const { id, state } = await allowedModel(model, caller, (name) => models.get(name, signal));
    if (there.has(state)) return;
    if (!mayManage(caller)) throw notForCallers();
    await loaded(models, { id, load, signal });
  };
}

function notForCallers() {
  const description = "how a model is loaded is for programs on the service's own machine, and for keys with the scope admin: leave it out";
  return fieldsFault("permission_denied", [{ field: "load_model_configs", description }]);
}

/** `POST /setModel`: loads a model, as the body says, and has it answer whoever names none. */
export function setModel(doors: Doors): Serve {
  const { models } = doors.service;
  return jsonRoute(doors, detailEnvelope(), async (body, exchange): Promise<SetModelAnswer> => {
    const { caller, signal } = exchange.call;
    const { model: name, load } = modelChoiceFrom(body);
    const { id } = await allowedModel(name, caller, (each) => models.get(each, signal));
    if (load !== undefined) await loadedOtherwise({ id, load, signal }, doors);
    const { model } = await models.setDefault(id, signal);
    const chosen = fileName(model) ?? model.id;
    return { status: "ok", message: `${chosen} is loaded and answers from now on`, model: chosen };
  });
}

interface Load {
  readonly id: string;
  readonly load: LoadOptions;
  readonly signal: AbortSignal;
}

/**
 * A model that is loaded in another way is unloaded first, once its streams have ended. That begins for nobody who has left; begun, it is finished, though its caller leaves
 * meanwhile: the model would stay unloaded.
 */
async function loadedOtherwise(wanted: Load, { service: { models }, log }: Doors): Promise<void> {
  const { id, signal } = wanted;
  try {
    await loaded(models, wanted);
  } catch (error) {
    if (reasonOf(error) !== "model_state") throw error;
    throwIfAborted(signal);
    const toItsEnd = new AbortController().signal;
    const again = models.unload(id, toItsEnd).then(() => loaded(models, { ...wanted, signal: toItsEnd }));
    again.catch((failure: unknown) => {
      if (signal.aborted) log.warn("a model could not be loaded in another way", { model: id, error: failure });
    });
    await untilAborted(again, signal);
  }
}

async function loaded(models: Models, { id, load, signal }: Load): Promise<void> {
  for await (const { fractionDone } of models.load(id, load, signal)) if (fractionDone === 1) return;
}
