import { create, equals } from "@bufbuild/protobuf";
import {
  LoadModelResponseSchema,
  LoadOptionsSchema,
  ModelState,
  type LoadModelResponse,
  type LoadOptions,
  type Model,
} from "../../../gen/parley/v1/models_pb.ts";
import type { Gpu } from "../../core/gpus.ts";
import type { Limits } from "../../core/limits.ts";
import type { Clock, EngineObserver, Library, LocalModels, Log, ModelFile } from "../../core/ports.ts";
import { fault } from "../../core/reasons.ts";
import { untilAborted } from "../../core/signals.ts";
import type { EngineLoad } from "../../engine/protocol.ts";
import { Engine } from "./engine.ts";
import { engineLoad, joinedChoices, keepAliveMs, type LoadChoices } from "./load-options.ts";
import { ModelEngine, type Lease, type ModelStatus } from "./model-engine.ts";
import { modelMessage } from "./model-message.ts";

/** What the engines of this machine need. */
export interface LocalEnginesOptions {
  /** Name of the provider. */
  readonly provider: string;
  readonly library: Library;
  readonly observer: EngineObserver;
  readonly clock: Clock;
  readonly limits: Limits;
  readonly log: Log;
  readonly gpu: Gpu;
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

const notLoaded: ModelStatus = { state: ModelState.ON_DISK, problem: "", about: undefined };

/** The engines of all model files on this machine, by id; one is made when its model is first asked for. */
export class LocalEngines implements LocalModels {
  readonly #options: LocalEnginesOptions;
  readonly #entries = new Map<string, Entry>();
  /** Of files that are gone, until their last call has ended. */
  readonly #leaving = new Set<ModelEngine>();
  readonly #listeners = new Set<(model: string) => void>();
  readonly #stopWatching: () => void;

  constructor(options: LocalEnginesOptions) {
    this.#options = options;
    this.#stopWatching = options.library.watch(() => this.#forgetChanged());
  }

  /** All models, as they stand. */
  list(): Model[] {
    const { library, provider } = this.#options;
    return library.list().map((file) => modelMessage(provider, file, this.#entries.get(file.id)?.engine.status ?? notLoaded));
  }

  /** A model that chats, loaded; and how long that took, ms, undefined when it was. Throws `model_not_found`, `model_state`, `engine_failed`. */
  async lease(model: string, signal: AbortSignal): Promise<Lease & { readonly loadMs: number | undefined }> {
    const { file, engine } = this.#entryOf(model);
    refuseUnfit(file);
    const isLoaded = engine.status.about !== undefined;
    const { clock } = this.#options;
    const beganMs = clock.now();
    const lease = await engine.lease(signal);
    return { ...lease, loadMs: isLoaded ? undefined : clock.now() - beganMs };
  }

  async *load(model: string, asked: LoadOptions | undefined, signal: AbortSignal): AsyncGenerator<LoadModelResponse, void, undefined> {
    const entry = this.#entryOf(model);
    refuseUnfit(entry.file);
    // Said before anything is started, so that a load with impossible options fails as such.
    this.#loadOf(entry.file, asked);
    adopt(entry, asked);
    const { engine, file } = entry;
    const done = engine.lease(signal).then(({ release }) => {
      release();
      return "done" as const;
    });
    done.catch(() => {});
    const step = (fractionDone: number) =>
      create(LoadModelResponseSchema, { model: modelMessage(this.#options.provider, file, engine.status), fractionDone });
    let told = -1;
    do {
      if (engine.fractionDone <= told || engine.fractionDone === 1) continue;
      told = engine.fractionDone;
      yield step(told);
    } while ((await this.#changeOr(done, file.id, signal)) !== "done");
    yield step(1);
  }

  async unload(model: string): Promise<void> {
    await this.#entryOf(model).engine.unload();
  }

  watch(listener: (model: string) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Ends all processes. */
  async close(): Promise<void> {
    this.#stopWatching();
    const engines = [...[...this.#entries.values()].map(({ engine }) => engine), ...this.#leaving];
    await Promise.all(engines.map((engine) => engine.close()));
  }

  /** Waits until the model has changed or `done`. */
  async #changeOr(done: Promise<"done">, id: string, signal: AbortSignal): Promise<"done" | "changed"> {
    const changed = Promise.withResolvers<"changed">();
    const stop = this.watch((model) => model === id && changed.resolve("changed"));
    return untilAborted(Promise.race([done, changed.promise]), signal).finally(stop);
  }

  #entryOf(model: string): Entry {
    const file = this.#options.library.find(model);
    if (file === undefined) throw fault("model_not_found", `there is no model "${model}" on this machine`, { metadata: { model } });
    const known = this.#entries.get(file.id);
    if (known !== undefined) return known;
    const entry: Entry = { file, engine: this.#makeEngine(file, () => entry.asked), asked: undefined };
    this.#entries.set(file.id, entry);
    return entry;
  }

  #makeEngine(file: ModelFile, asked: () => LoadOptions | undefined): ModelEngine {
    const { observer, log, clock, limits, optionsOf } = this.#options;
    const { id } = file;
    const made: ModelEngine = new ModelEngine({
      model: id,
      clock,
      start: () =>
        new Engine({
          model: id,
          load: this.#loadOf(file, asked()),
          limits,
          clock,
          observer,
          log,
          onLoading: (fractionDone) => made.loading(fractionDone),
        }),
      keepAliveMs: () => keepAliveMs(joinedChoices(optionsOf(id), asked())),
      onChange: () => this.#changed(id),
      onLoaded: (isLoaded, pid) => {
        observer.loaded(id, isLoaded);
        log.info(isLoaded ? "model loaded" : "model not loaded any more", { model: id, pid });
      },
      onCrash: ({ why, lastWords }) => {
        observer.restarted(id, why);
        log.warn("a model's process failed", { model: id, why, lastWords });
      },
      onFailed: (problem) => log.warn("a model does not serve", { model: id, problem }),
    });
    return made;
  }

  #loadOf({ id, path }: ModelFile, asked: LoadOptions | undefined): EngineLoad {
    const { optionsOf, gpu, limits } = this.#options;
    return engineLoad(joinedChoices(optionsOf(id), asked), { modelPath: path, gpu, limits });
  }

  #changed(id: string): void {
    for (const listener of this.#listeners) listener(id);
  }

  /** Models whose file is gone or another now are unloaded after their calls; who asks meanwhile gets the new file. */
  #forgetChanged(): void {
    const { library, log } = this.#options;
    for (const [id, { file, engine }] of this.#entries) {
      const now = library.find(id);
      if (now !== undefined && isSameFile(file, now)) continue;
      this.#entries.delete(id);
      this.#leaving.add(engine);
      engine
        .unload()
        .catch((error: unknown) => log.error("a model could not be unloaded", { model: id, error }))
        .finally(() => this.#leaving.delete(engine));
    }
  }
}

/** A loaded model keeps the options it was loaded with: others need an unload first. */
function adopt(entry: Entry, asked: LoadOptions | undefined): void {
  const { state } = entry.engine.status;
  if (state === ModelState.ON_DISK || state === ModelState.FAILED) {
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

function isSameFile(file: ModelFile, other: ModelFile): boolean {
  return file.path === other.path && file.sizeBytes === other.sizeBytes && file.modifiedMs === other.modifiedMs;
}
