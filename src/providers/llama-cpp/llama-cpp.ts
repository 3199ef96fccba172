import { create, equals } from "@bufbuild/protobuf";
import type { ChatEvent, ChatRequest } from "../../../gen/parley/v1/chat_pb.ts";
import {
  LoadModelResponseSchema,
  LoadOptionsSchema,
  ModelState,
  type LoadModelResponse,
  type LoadOptions,
} from "../../../gen/parley/v1/models_pb.ts";
import { CountTokensResponseSchema } from "../../../gen/parley/v1/tokens_pb.ts";
import type { CallContext } from "../../core/context.ts";
import { unsupportedFault } from "../../core/fields.ts";
import type { Limits } from "../../core/limits.ts";
import type { Clock, EngineObserver, Library, Log, ModelFile, Provider } from "../../core/ports.ts";
import { fault } from "../../core/reasons.ts";
import { abortFault, untilAborted } from "../../core/signals.ts";
import { once } from "../../core/stream.ts";
import { answer } from "./answer.ts";
import { engine } from "./engine.ts";
import { llamaCppFields } from "./fields.ts";
import { engineLoad, joinedChoices, keepAliveMs, type LoadChoices } from "./load-options.ts";
import { modelEngine, type ModelEngine, type Ready } from "./model-engine.ts";
import { modelMessage } from "./model-message.ts";
import { enginePrompt, engineRequest } from "./request.ts";

/** What the provider of local models needs. */
export interface LlamaCppOptions {
  readonly library: Library;
  readonly observer: EngineObserver;
  readonly clock: Clock;
  readonly limits: Limits;
  readonly log: Log;
  /** `auto`, `none`, `cuda`, `vulkan` or `metal`. */
  readonly gpu: string;
  /** Most tokens of an answer whose request does not say; absent: what the context leaves. */
  readonly defaultMaxTokens?: number | undefined;
  /** Temperature of a request that does not say; absent: 0.8, as llama.cpp's server has it. */
  readonly defaultTemperature?: number | undefined;
  /** How a model is loaded unless a load says otherwise. */
  readonly optionsOf: (model: string) => LoadChoices | undefined;
}

/** An engine with the file it was made for. */
interface Entry {
  readonly file: ModelFile;
  readonly engine: ModelEngine;
  /** Of the last explicit load. */
  asked: LoadOptions | undefined;
}

const name = "llama-cpp";

/** Serves the model files of this machine with llama.cpp, one child process a model. A model is loaded at its first request. */
export function llamaCpp(options: LlamaCppOptions): Provider {
  const { library, observer, clock, limits, log } = options;
  const entries = new Map<string, Entry>();
  const listeners = new Set<(model: string) => void>();
  const defaults = { maxTokens: options.defaultMaxTokens, temperature: options.defaultTemperature };

  const changed = (id: string) => {
    for (const listener of listeners) listener(id);
  };

  const entryOf = (model: string): Entry => {
    const file = library.find(model);
    if (file === undefined) throw fault("model_not_found", `there is no model "${model}" on this machine`, { metadata: { model } });
    const known = entries.get(file.id);
    if (known !== undefined && isSameFile(known.file, file)) return known;
    const entry: Entry = { file, engine: makeEngine(file, () => entry), asked: undefined };
    entries.set(file.id, entry);
    return entry;
  };

  const loadOf = ({ id, path }: ModelFile, asked: LoadOptions | undefined) =>
    engineLoad(joinedChoices(options.optionsOf(id), asked), { modelPath: path, gpu: options.gpu, limits });

  const makeEngine = (file: ModelFile, entry: () => Entry): ModelEngine => {
    const { id } = file;
    const made: ModelEngine = modelEngine({
      model: id,
      clock,
      start: () =>
        engine({
          model: id,
          load: loadOf(file, entry().asked),
          limits,
          clock,
          observer,
          onLoading: (fractionDone) => made.loading(fractionDone),
          onIdle: () => made.idle(),
        }),
      keepAliveMs: () => keepAliveMs(joinedChoices(options.optionsOf(id), entry().asked)),
      onChange: () => changed(id),
      onLoaded: (isLoaded, pid) => {
        observer.loaded(id, isLoaded);
        log.info(isLoaded ? "model loaded" : "model not loaded any more", { model: id, pid });
      },
      onCrash: (why) => {
        observer.restarted(id, why);
        log.warn("a model's process failed", { model: id, why });
      },
    });
    return made;
  };

  /** Models whose file is gone or another now are unloaded after their calls. */
  const onLibraryChange = () => {
    for (const [id, entry] of entries) {
      const file = library.find(id);
      if (file !== undefined && isSameFile(entry.file, file)) continue;
      entries.delete(id);
      entry.engine.unload().catch((error: unknown) => log.error("a model could not be unloaded", { model: id, error }));
    }
  };
  const stopWatching = library.watch(onLibraryChange);

  /** The loaded model of a request, and how long the request waited for that. */
  const readyFor = async (request: ChatRequest, { signal }: CallContext): Promise<Ready & { entry: Entry; loadMs: number | undefined }> => {
    refuseOwnOptions(request);
    const entry = entryOf(request.model);
    refuseUnfit(entry.file);
    if (entry.engine.status.state === ModelState.READY) return { ...(await entry.engine.ready(signal)), entry, loadMs: undefined };
    const beganMs = clock.now();
    const ready = await entry.engine.ready(signal);
    return { ...ready, entry, loadMs: clock.now() - beganMs };
  };

  async function* generate(request: ChatRequest, context: CallContext): AsyncGenerator<ChatEvent, void, undefined> {
    const askedMs = clock.now();
    const asked = engineRequest(request, defaults);
    const { engine: running, loadMs } = await readyFor(request, context);
    yield* answer(running.generate(asked, context.signal), { provider: name, model: request.model, clock, askedMs, loadMs });
  }

  const modelOf = (entry: Entry) => modelMessage(name, entry.file, entry.engine.status);

  async function* load(
    model: string,
    asked: LoadOptions | undefined,
    signal: AbortSignal,
  ): AsyncGenerator<LoadModelResponse, void, undefined> {
    const entry = entryOf(model);
    refuseUnfit(entry.file);
    // Said before anything is started, so that a load with impossible options fails as such.
    loadOf(entry.file, asked);
    adopt(entry, asked);
    const done = entry.engine.ready(signal).then(
      () => "done" as const,
      (error: unknown) => ({ error }),
    );
    for (let told = -1; ;) {
      const step = Promise.withResolvers<"changed">();
      const stop = watch((changedModel) => changedModel === entry.file.id && step.resolve("changed"));
      const { fractionDone } = entry.engine;
      if (fractionDone > told && fractionDone < 1) yield create(LoadModelResponseSchema, { model: modelOf(entry), fractionDone });
      told = Math.max(told, fractionDone);
      const outcome = await untilAborted(Promise.race([done, step.promise]), signal).finally(stop);
      if (outcome === "changed") continue;
      if (outcome !== "done") throw signal.aborted ? abortFault(signal) : outcome.error;
      yield create(LoadModelResponseSchema, { model: modelOf(entry), fractionDone: 1 });
      return;
    }
  }

  const watch = (listener: (model: string) => void) => {
    listeners.add(listener);
    return () => void listeners.delete(listener);
  };

  return {
    name,
    fields: llamaCppFields,
    generate,
    countTokens: ({ chat }, context) =>
      once(async () => {
        if (chat === undefined) throw fault("invalid_request", "chat: it is required");
        const { engine: running, about } = await readyFor(chat, context);
        const promptTokens = await untilAborted(running.count(enginePrompt(chat), context.signal), context.signal);
        return create(CountTokensResponseSchema, { promptTokens, model: chat.model, contextLength: about.contextLength });
      }),
    listModels: async () =>
      library.list().map((file) => {
        const entry = entries.get(file.id);
        return modelMessage(name, file, entry?.engine.status ?? { state: ModelState.ON_DISK, problem: "", about: undefined });
      }),
    local: {
      load,
      unload: (model) => entryOf(model).engine.unload(),
      watch,
    },
    async close() {
      stopWatching();
      await Promise.all([...entries.values()].map((entry) => entry.engine.close()));
    },
  };
}

/** A loaded model keeps the options it was loaded with: others need an unload first. */
function adopt(entry: Entry, asked: LoadOptions | undefined): void {
  const { state } = entry.engine.status;
  const isFree = state === ModelState.ON_DISK || state === ModelState.FAILED;
  if (isFree) {
    entry.asked = asked;
    return;
  }
  const isSame = asked === undefined || equals(LoadOptionsSchema, asked, entry.asked ?? create(LoadOptionsSchema));
  if (!isSame) throw fault("model_state", `model "${entry.file.id}" is loaded with other options: unload it first`);
}

function refuseUnfit({ id, problem, purpose }: ModelFile): void {
  if (problem !== "") throw fault("engine_failed", `model "${id}" cannot be loaded: ${problem}`);
  if (purpose === "embed") throw fault("model_state", `model "${id}" makes vectors and does not chat: choose a chat model`);
}

/** Options that are keyed with our name must be known here, and none is. */
function refuseOwnOptions(request: ChatRequest): void {
  const options = [
    ["provider_options", request.providerOptions] as const,
    ...request.messages.map((message, index) => [`messages[${index}].provider_options`, message.providerOptions] as const),
  ];
  const fields = options
    .filter(([, value]) => value !== undefined && Object.hasOwn(value, name))
    .map(([field]) => ({ field, description: "local models know no options of their own" }));
  if (fields.length > 0) throw unsupportedFault(name, fields);
}

function isSameFile(file: ModelFile, other: ModelFile): boolean {
  return file.path === other.path && file.sizeBytes === other.sizeBytes && file.modifiedMs === other.modifiedMs;
}
