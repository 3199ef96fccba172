import type { LoadOptions } from "../../../gen/parley/v1/models_pb.ts";
import type { Gpu } from "../../core/gpus.ts";
import type { Limits } from "../../core/limits.ts";
import type { LoadChoices } from "../../core/load-choices.ts";
import type { Clock, EngineObserver, Library, Log, ModelFile } from "../../core/ports.ts";
import type { EngineEstimate, EngineLoad } from "../../engine/protocol/load.ts";
import { deviceText } from "./device-text.ts";
import { Engine } from "./engine.ts";
import { holderOf, isSameFile, memoryOf, type Entry } from "./entry.ts";
import { engineLoad, joinedChoices, keepAliveMs } from "./load-options.ts";
import { adapterFiles } from "./lora-adapters.ts";
import { defaultRamBudget, MemoryBudget, type Holder } from "./memory-budget.ts";
import { ModelEngine } from "./model-engine.ts";
import { Quarantine } from "./quarantine.ts";
import { besideChatLoad, purposefulLoad } from "./vector-load.ts";

/** What engines of model files are made with. */
export interface EngineMakerOptions {
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

/** One of the engines of an entry. */
interface Part {
  readonly file: ModelFile;
  /** Not there yet while its engines are made. */
  readonly entry: () => Entry;
  /** How its process loads the file. */
  readonly load: () => EngineLoad;
  /** What its process is for, as the log says it. */
  readonly work: "vectors" | undefined;
  readonly observer: EngineObserver;
  readonly onChange: () => void;
}

/** Makes the engines of model files, which share the memory of this machine. */
export class EngineMaker {
  readonly #options: EngineMakerOptions;
  readonly #budget: MemoryBudget;
  readonly #quarantine: Quarantine;
  readonly #device = Promise.withResolvers<string>();
  #isDeviceKnown = false;
  /** Resolves with the GPU that is used, for people, once the first process of a model has found out. */
  readonly gpu: Promise<string> = this.#device.promise;

  constructor(options: EngineMakerOptions) {
    this.#options = options;
    this.#quarantine = new Quarantine(options);
    const { memoryBytes: ramBytes = defaultRamBudget(), limits, clock } = options;
    this.#budget = new MemoryBudget({ ramBytes, limits, clock });
  }

  /** The engines of a file; no process is started before one is wanted. */
  entry(file: ModelFile, onChange: () => void): Entry {
    const { observer } = this.#options;
    // What waits for sequences is told of the process that has some.
    const withoutQueue: EngineObserver = {
      decoded: (...facts) => observer.decoded(...facts),
      queued() {},
      waited: (...facts) => observer.waited(...facts),
      loaded: (...facts) => observer.loaded(...facts),
      restarted: (...facts) => observer.restarted(...facts),
    };
    const common = { file, entry: () => entry, onChange };
    const entry: Entry = {
      file,
      engine: this.#engine({ ...common, load: () => this.loadOf(file, entry.asked), work: undefined, observer }),
      vectors:
        file.purpose === "chat"
          ? this.#engine({ ...common, load: () => this.besideLoadOf(file, entry.asked), work: "vectors", observer: withoutQueue })
          : undefined,
      asked: undefined,
      proven: undefined,
    };
    return entry;
  }

  /** Memory of GPUs that the processes of a model hold now. */
  vramBytesOf(model: string): number {
    return this.#budget.vramBytesOf(model);
  }

  /** How a file is loaded. Throws what is the matter with the options. */
  loadOf(file: ModelFile, asked: LoadOptions | undefined): EngineLoad {
    const choices = this.#choices(file, asked);
    return purposefulLoad(file, this.#plainLoad(file, choices), choices);
  }

  /** How the file of a model that chats is loaded for vectors. Throws `model_state` where it is loaded with adapters. */
  besideLoadOf(file: ModelFile, asked: LoadOptions | undefined): EngineLoad {
    return besideChatLoad(file, this.#plainLoad(file, this.#choices(file, asked)));
  }

  #choices({ id }: ModelFile, asked: LoadOptions | undefined): LoadChoices {
    return joinedChoices(this.#options.optionsOf(id), asked);
  }

  #plainLoad(file: ModelFile, choices: LoadChoices): EngineLoad {
    const { library, gpu, limits, gpuMemoryBytes, dataDirectory } = this.#options;
    const loraAdapters = adapterFiles(choices.loraAdapters ?? [], file, library);
    // A file that was hashed after the first call for it has one now.
    const now = library.find(file.id);
    const { sha256 } = now !== undefined && isSameFile(file, now) ? now : file;
    const load = engineLoad(choices, { modelPath: file.path, sha256, dataDirectory, gpu, limits, loraAdapters });
    return { ...load, heldVramBytes: this.#budget.heldVramBytes, ...(gpuMemoryBytes !== undefined && { mostVramBytes: gpuMemoryBytes }) };
  }

  #engine(part: Part): ModelEngine {
    const { log, clock } = this.#options;
    const { file, entry, work, observer } = part;
    const facts = { model: file.id, ...(work !== undefined && { work }) };
    const made: ModelEngine = new ModelEngine({
      model: file.id,
      clock,
      start: () => this.#start(part, made),
      keepAliveMs: () => keepAliveMs(this.#choices(file, entry().asked)),
      onChange: part.onChange,
      onIdle: () => this.#budget.look(),
      onLoaded: (ready) => {
        const memoryBytes = memoryOf(entry());
        observer.loaded(file.id, memoryBytes !== undefined, memoryBytes ?? 0);
        if (ready === undefined) return log.info("model not loaded any more", facts);
        const { contextLength, sequences, memoryBytes: ownBytes, isMapped } = ready.about;
        const weights = isMapped ? "mapped" : "copied";
        log.info("model loaded", { ...facts, pid: ready.engine.pid, contextLength, sequences, memoryBytes: ownBytes, weights });
      },
      onCrash: ({ why, lastWords }) => {
        observer.restarted(file.id, why, "crash");
        log.warn("a model's process failed", { ...facts, why, lastWords });
      },
      onFailed: (problem) => log.warn("a model does not serve", { ...facts, problem }),
    });
    return made;
  }

  #start({ file: { id }, load, observer }: Part, made: ModelEngine): Engine {
    const { log, clock, limits } = this.#options;
    const engine: Engine = new Engine({
      model: id,
      load: load(),
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
}
