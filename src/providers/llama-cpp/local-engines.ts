import { create } from "@bufbuild/protobuf";
import {
  LoadModelResponseSchema,
  ModelState,
  type LoadModelResponse,
  type LoadOptions,
  type Model,
} from "../../../gen/parley/v1/models_pb.ts";
import type { Gpu } from "../../core/gpus.ts";
import type { LoadChoices } from "../../core/load-choices.ts";
import type { Limits } from "../../core/limits.ts";
import type { Clock, EngineObserver, Library, LocalModels, Log, ModelFile } from "../../core/ports.ts";
import { fault } from "../../core/reasons.ts";
import { untilAborted } from "../../core/signals.ts";
import type { EngineEstimate, EngineLoad } from "../../engine/protocol/load.ts";
import { deviceText } from "./device-text.ts";
import { Engine } from "./engine.ts";
import { adopt, holderOf, isSameFile, settle, type Entry } from "./entry.ts";
import { checkChoices, engineLoad, joinedChoices, keepAliveMs } from "./load-options.ts";
import { adapterFiles } from "./lora-adapters.ts";
import { defaultRamBudget, MemoryBudget, type Holder } from "./memory-budget.ts";
import { ModelEngine } from "./model-engine.ts";
import { modelMessage } from "./model-message.ts";
import { Quarantine } from "./quarantine.ts";
import type { Lease, ModelStatus } from "./model-states.ts";
import { refuseUnfit, type Task } from "./tasks.ts";
import { purposefulLoad } from "./vector-load.ts";

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
  /** Folder of caches; absent: nothing of an engine outlives it. */
  readonly dataDirectory?: string | undefined;
  /** Memory that loaded models may take in all, bytes; absent: most of what is free now. */
  readonly memoryBytes?: number | undefined;
  /** The same of GPUs; absent: what is free there. */
  readonly gpuMemoryBytes?: number | undefined;
  /** How a model is loaded unless a load says otherwise. */
  readonly optionsOf: (model: string) => LoadChoices | undefined;
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
  readonly #budget: MemoryBudget;
  readonly #quarantine: Quarantine;
  readonly #device = Promise.withResolvers<string>();
  #isDeviceKnown = false;
  /** Resolves with the GPU that is used, for people, once the first process of a model has found out. */
  readonly gpu: Promise<string> = this.#device.promise;

  constructor(options: LocalEnginesOptions) {
    this.#options = options;
    this.#quarantine = new Quarantine(options);
    const { memoryBytes: ramBytes = defaultRamBudget(), limits, clock } = options;
    this.#budget = new MemoryBudget({ ramBytes, limits, clock });
    this.#stopWatching = options.library.watch(() => this.#forgetChanged());
  }

  /** All models, as they stand; adapters are none. */
  list(): Model[] {
    const { library, provider } = this.#options;
    const files = library.list().filter(({ isAdapter }) => isAdapter !== true);
    return files.map((file) => modelMessage(provider, file, this.#entries.get(file.id)?.engine.status ?? notLoaded));
  }

  /** A model that can do a task, loaded; and how long that took, ms, undefined when it was. Throws `model_not_found`, `model_state`, `engine_failed`. */
  async lease(model: string, signal: AbortSignal, task: Task = "chat"): Promise<Lease & { readonly loadMs: number | undefined }> {
    const { engine } = await this.#fitEntryOf(model, task, signal);
    const isLoaded = engine.status.about !== undefined;
    const { clock } = this.#options;
    const beganMs = clock.now();
    const lease = await engine.lease(signal);
    return { ...lease, loadMs: isLoaded ? undefined : clock.now() - beganMs };
  }

  async *load(model: string, asked: LoadOptions | undefined, signal: AbortSignal): AsyncGenerator<LoadModelResponse, void, undefined> {
    const entry = await this.#fitEntryOf(model, "anything", signal);
    // Said before anything is started, so that a load with impossible options fails as such.
    checkChoices(asked ?? {});
    this.#loadOf(entry.file, asked);
    adopt(entry, asked);
    const { engine, file } = entry;
    const done = engine.lease(signal).then(({ release }) => {
      settle(entry, asked, true);
      release();
      return "done" as const;
    });
    done.catch(() => settle(entry, asked, false));
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

  /** A model that can do a task, whose file has been checked as far as there is something to check it with. */
  async #fitEntryOf(model: string, task: Task | "anything", signal: AbortSignal): Promise<Entry> {
    const entry = this.#entryOf(model);
    refuseUnfit(entry.file, task);
    if (entry.file.sha256 !== "") return entry;
    await this.#options.library.verify(model, signal);
    return this.#entryOf(model);
  }

  #entryOf(model: string): Entry {
    const file = this.#options.library.find(model);
    if (file === undefined) throw fault("model_not_found", `there is no model "${model}" on this machine`, { metadata: { model } });
    const known = this.#entries.get(file.id);
    if (known !== undefined) return known;
    const entry: Entry = { file, engine: this.#makeEngine(file, () => entry.asked), asked: undefined, proven: undefined };
    this.#entries.set(file.id, entry);
    return entry;
  }

  #makeEngine(file: ModelFile, asked: () => LoadOptions | undefined): ModelEngine {
    const { observer, log, clock, limits, optionsOf } = this.#options;
    const { id } = file;
    const made: ModelEngine = new ModelEngine({
      model: id,
      clock,
      start: () => {
        const engine: Engine = new Engine({
          model: id,
          load: this.#loadOf(file, asked()),
          limits,
          clock,
          observer,
          log,
          quarantine: this.#quarantine,
          onOvergrown: (facts) => {
            observer.restarted(id, "it has taken too much memory", "memory");
            log.warn("a model's process has taken too much memory: another takes over", { model: id, pid: engine.pid, ...facts });
            made.renew(engine).catch((error: unknown) => log.error("a model's process could not be replaced", { model: id, error }));
          },
          onLoading: (fractionDone) => made.loading(fractionDone),
          choose: (estimate) => this.#choose(estimate, holderOf(id, made, engine), engine),
        });
        return engine;
      },
      keepAliveMs: () => keepAliveMs(joinedChoices(optionsOf(id), asked())),
      onChange: () => this.#changed(id),
      onIdle: () => this.#budget.look(),
      onLoaded: (ready) => {
        observer.loaded(id, ready !== undefined, ready?.about.memoryBytes ?? 0);
        if (ready === undefined) return log.info("model not loaded any more", { model: id });
        const { contextLength, sequences, memoryBytes } = ready.about;
        log.info("model loaded", { model: id, pid: ready.engine.pid, contextLength, sequences, memoryBytes });
      },
      onCrash: ({ why, lastWords }) => {
        observer.restarted(id, why, "crash");
        log.warn("a model's process failed", { model: id, why, lastWords });
      },
      onFailed: (problem) => log.warn("a model does not serve", { model: id, problem }),
    });
    return made;
  }

  /** Finds room for one of the sizes of a load. */
  async #choose(estimate: EngineEstimate, holder: Holder, engine: Engine): Promise<number> {
    this.#tellDevice(estimate);
    const claim = await this.#budget.claim(holder, estimate, engine.ended);
    void engine.ended.then(claim.release);
    return claim.size;
  }

  #tellDevice({ device }: EngineEstimate): void {
    if (this.#isDeviceKnown) return;
    this.#isDeviceKnown = true;
    const text = deviceText(device);
    this.#options.log.info("the GPU of local models", { gpu: text, memoryBudgetBytes: this.#budget.ramBytes });
    this.#device.resolve(text);
  }

  #loadOf(file: ModelFile, asked: LoadOptions | undefined): EngineLoad {
    const { library, optionsOf, gpu, limits, gpuMemoryBytes, dataDirectory } = this.#options;
    const choices = joinedChoices(optionsOf(file.id), asked);
    const loraAdapters = adapterFiles(choices.loraAdapters ?? [], file, library);
    // A file that was hashed after the first call for it has one now.
    const now = library.find(file.id);
    const { sha256 } = now !== undefined && isSameFile(file, now) ? now : file;
    const load = engineLoad(choices, { modelPath: file.path, sha256, dataDirectory, gpu, limits, loraAdapters });
    const gpuMemory = { heldVramBytes: this.#budget.heldVramBytes, ...(gpuMemoryBytes !== undefined && { mostVramBytes: gpuMemoryBytes }) };
    return purposefulLoad(file, { ...load, ...gpuMemory }, choices);
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
