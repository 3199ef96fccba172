import { create } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import {
  LoadModelResponseSchema,
  ModelState,
  type LoadModelResponse,
  type LoadOptions,
  type Model,
} from "../../../gen/parley/v1/models_pb.ts";
import type { LocalModels, ModelStay } from "../../core/ports.ts";
import { fault, reasonOf } from "../../core/reasons.ts";
import { untilAborted } from "../../core/signals.ts";
import { EngineMaker, type EngineMakerOptions } from "./engine-maker.ts";
import { adopt, enginesOf, isSameFile, keep, memoryOf, settle, type Entry } from "./entry.ts";
import { checkChoices } from "./load-options.ts";
import type { ModelEngine } from "./model-engine.ts";
import { modelMessage } from "./model-message.ts";
import type { Lease, ModelStatus } from "./model-states.ts";
import { refuseUnfit, type Task } from "./tasks.ts";

/** What the engines of this machine need. */
export interface LocalEnginesOptions extends EngineMakerOptions {
  /** Name of the provider. */
  readonly provider: string;
}

/** Who did not load a model is not told that his request has an option that cannot be. */
function asConfigured(error: unknown, model: string): unknown {
  if (!(error instanceof ConnectError) || reasonOf(error) !== "invalid_request") return error;
  return fault("model_state", `model "${model}" cannot be loaded as it is configured: ${error.rawMessage}`, { cause: error });
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
  readonly #maker: EngineMaker;
  /** Resolves with the GPU that is used, for people, once the first process of a model has found out. */
  readonly gpu: Promise<string>;

  constructor(options: LocalEnginesOptions) {
    this.#options = options;
    this.#maker = new EngineMaker(options);
    this.gpu = this.#maker.gpu;
    this.#stopWatching = options.library.watch(() => this.#forgetChanged());
  }

  /** All models, as they stand; adapters are none. */
  list(): Model[] {
    const { library, provider } = this.#options;
    const files = library.list().filter(({ isAdapter }) => isAdapter !== true);
    return files.map((file) => {
      const entry = this.#entries.get(file.id);
      return entry === undefined ? modelMessage(provider, file, notLoaded) : this.#message(entry);
    });
  }

  /** A model that can do a task, loaded; and how long that took, ms, undefined when it was. Throws `model_not_found`, `model_state`, `engine_failed`. */
  async lease(model: string, signal: AbortSignal, task: Task = "chat"): Promise<Lease & { readonly loadMs: number | undefined }> {
    const engine = this.#engineFor(await this.#fitEntryOf(model, task, signal), task);
    const isLoaded = engine.status.about !== undefined;
    const { clock } = this.#options;
    const beganMs = clock.now();
    const lease = await engine.lease(signal).catch((error: unknown) => {
      throw asConfigured(error, model);
    });
    return { ...lease, loadMs: isLoaded ? undefined : clock.now() - beganMs };
  }

  async *load(model: string, asked: LoadOptions | undefined, signal: AbortSignal): AsyncGenerator<LoadModelResponse, void, undefined> {
    const entry = await this.#fitEntryOf(model, "anything", signal);
    // Said before anything is started, so that a load with impossible options fails as such.
    checkChoices(asked ?? {});
    this.#maker.loadOf(entry.file, asked);
    adopt(entry, asked);
    const { engine, file } = entry;
    const done = engine.lease(signal).then(({ release }) => {
      settle(entry, asked, true);
      release();
      return "done" as const;
    });
    done.catch(() => settle(entry, asked, false));
    const step = (fractionDone: number) => create(LoadModelResponseSchema, { model: this.#message(entry), fractionDone });
    let told = -1;
    do {
      if (engine.fractionDone <= told || engine.fractionDone === 1) continue;
      told = engine.fractionDone;
      yield step(told);
    } while ((await this.#changeOr(done, file.id, signal)) !== "done");
    yield step(1);
  }

  async unload(model: string): Promise<void> {
    await Promise.all(enginesOf(this.#entryOf(model)).map((engine) => engine.unload()));
  }

  isBusy(model: string): boolean {
    const entry = this.#entries.get(model);
    return entry !== undefined && enginesOf(entry).some(({ isBusy }) => isBusy());
  }

  stay(model: string): ModelStay | undefined {
    const entry = this.#entries.get(model);
    const loaded = entry === undefined ? [] : enginesOf(entry).filter(({ status }) => status.about !== undefined);
    const [first] = loaded;
    return first === undefined ? undefined : { vramBytes: this.#maker.vramBytesOf(model), untilMs: first.untilMs() };
  }

  keep(model: string, seconds: number): void {
    const entry = this.#entries.get(model);
    if (entry !== undefined) keep(entry, seconds);
  }

  watch(listener: (model: string) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Ends all processes. */
  async close(): Promise<void> {
    this.#stopWatching();
    const engines = [...[...this.#entries.values()].flatMap(enginesOf), ...this.#leaving];
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
    const entry = this.#maker.entry(file, () => this.#changed(file.id));
    this.#entries.set(file.id, entry);
    return entry;
  }

  /** What does a task: a model that chats makes vectors in a process of its own. Throws `model_state` where it is loaded with adapters. */
  #engineFor({ file, engine, vectors, asked }: Entry, task: Task): ModelEngine {
    if (task !== "embed" || vectors === undefined) return engine;
    this.#maker.besideLoadOf(file, asked);
    return vectors;
  }

  #message(entry: Entry): Model {
    return modelMessage(this.#options.provider, entry.file, entry.engine.status, memoryOf(entry));
  }

  #changed(id: string): void {
    for (const listener of this.#listeners) listener(id);
  }

  /** Models whose file is gone or another now are unloaded after their calls; who asks meanwhile gets the new file. */
  #forgetChanged(): void {
    const { library, log } = this.#options;
    for (const [id, entry] of this.#entries) {
      const now = library.find(id);
      if (now !== undefined && isSameFile(entry.file, now)) continue;
      this.#entries.delete(id);
      for (const engine of enginesOf(entry)) {
        this.#leaving.add(engine);
        engine
          .unload()
          .catch((error: unknown) => log.error("a model could not be unloaded", { model: id, error }))
          .finally(() => this.#leaving.delete(engine));
      }
    }
  }
}
