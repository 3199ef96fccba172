import { systemClock } from "../core/clock.ts";
import { defaultLimits, type Limits } from "../core/limits.ts";
import type { Clock, EngineObserver, Log, Provider } from "../core/ports.ts";
import { llamaCpp, type LlamaCppOptions } from "../providers/llama-cpp/llama-cpp.ts";
import { tinyLibrary, type TinyLibrary } from "./tiny-library.ts";

/** One call of an observer, such as `["loaded", "tiny", true]`. */
export type Report = readonly [name: keyof EngineObserver, ...facts: unknown[]];

/** The provider of local models on a folder of tiny ones, and what it reports. */
export interface TinyProvider {
  readonly provider: Provider;
  readonly library: TinyLibrary;
  /** Reports so far, oldest first. */
  readonly reports: readonly Report[];
  /** Resolves at the next report for which `isWanted` holds, or at once when there is one from place `from` on. */
  reported(isWanted: (report: Report) => boolean, from?: number): Promise<void>;
  /** Process of a model that is loaded; of one that chats, `work` may be `vectors`. */
  pidOf(model: string, work?: "vectors"): number;
  close(): Promise<void>;
}

/** What differs from the usual. */
export interface TinyProviderOptions {
  readonly limits?: Partial<Limits>;
  readonly clock?: Clock;
  readonly load?: ReturnType<LlamaCppOptions["optionsOf"]>;
  /** Memory that its models may take in all. Default: plenty. */
  readonly memoryBytes?: number;
  /** Folder of caches. Default: none. */
  readonly dataDirectory?: string;
}

/** A provider without models. One thread a process: tiny models gain nothing from more, and tests share the machine. */
export async function tinyProvider({
  limits = {},
  clock = systemClock,
  load = {},
  memoryBytes,
  dataDirectory,
}: TinyProviderOptions = {}): Promise<TinyProvider> {
  const library = await tinyLibrary();
  const { observer, reports, reported } = reporter();
  const pids = new Map<string, number>();
  const log: Log = {
    debug() {},
    info: (_message, { model, work = "", pid } = {}) =>
      void (pid !== undefined && pids.set(`${String(model)} ${String(work)}`, Number(pid))),
    warn() {},
    error: (message, facts) => process.stderr.write(`${message} ${String(facts?.["error"])}\n`),
  };
  const provider = llamaCpp({
    library,
    observer,
    clock,
    limits: { ...defaultLimits, ...limits },
    log,
    gpu: "none",
    memoryBytes,
    dataDirectory,
    optionsOf: () => ({ threads: 1, sequences: 8, contextLength: 512, ...load }),
  });
  return {
    provider,
    library,
    reports,
    reported,
    pidOf(model, work) {
      const pid = pids.get(`${model} ${work ?? ""}`);
      if (pid === undefined) throw new Error(`${model} has not been loaded`);
      return pid;
    },
    async close() {
      await provider.close();
      await library.close();
    },
  };
}

/** An observer that remembers, and whose reports can be waited for. */
function reporter(): Pick<TinyProvider, "reports" | "reported"> & { readonly observer: EngineObserver } {
  const reports: Report[] = [];
  const looks = new Set<() => void>();
  const report =
    (name: keyof EngineObserver) =>
    (...facts: unknown[]) => {
      reports.push([name, ...facts]);
      for (const look of looks) look();
    };
  return {
    reports,
    observer: {
      decoded: report("decoded"),
      queued: report("queued"),
      waited: report("waited"),
      loaded: report("loaded"),
      restarted: report("restarted"),
    },
    reported: (isWanted, from = 0) =>
      new Promise((resolve) => {
        const look = () => {
          if (!reports.slice(from).some(isWanted)) return;
          looks.delete(look);
          resolve();
        };
        looks.add(look);
        look();
      }),
  };
}
