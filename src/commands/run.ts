import type { LoadedConfig } from "../config.ts";
import type { ParleyServer } from "../service.ts";
import { openLog, silentLog, type ClosableLog } from "../telemetry/log.ts";
import { banner, gpuLine, readyLine } from "./banner.ts";
import { ensureModel } from "./first-run.ts";
import type { Host } from "./host.ts";
import { showPull } from "./progress-bar.ts";
import { clearReadyFile, removeReadyFile, writeReadyFile } from "./ready-file.ts";
import { exitCodeOf, stopSignals, type StopSignals } from "./stop-signals.ts";

/** How a service is run as a process. */
export interface RunOptions {
  readonly host: Host;
  readonly readyFile: string | undefined;
}

/** How long a process that must end at once waits for its sockets and children. */
const lastGaspMs = 1000;

/** Runs the service until a signal ends it, and answers with the exit code: 0 after the first signal, 128 and the signal's number after a second, 1 after a fault of the program. */
export async function run(loaded: LoadedConfig, options: RunOptions): Promise<number> {
  const log = openLog({ level: loaded.settings.logLevel, file: loaded.settings.logFile });
  const signals = stopSignals();
  const crash = watchCrashes(log);
  let server: ParleyServer | undefined;
  // a reader that has seen enough of the banner must not end the service
  options.host.out.on("error", (error) => log.warn("standard output is gone", { error }));
  const onStarted = (started: ParleyServer) => (server = started);
  try {
    const inOrder = serveUntilStopped(loaded, { ...options, log, signals, onStarted }).then((exitCode) => ({ exitCode, isClosed: true }));
    const inHaste = Promise.race([signals.second.then(exitCodeOf), crash.happened.then(() => 1)]);
    const end = await Promise.race([inOrder, inHaste.then((exitCode) => ({ exitCode, isClosed: false }))]);
    if (!end.isClosed) await atMost(lastGaspMs, server?.close());
    return end.exitCode;
  } finally {
    if (options.readyFile !== undefined) removeReadyFile(options.readyFile, process.pid);
    crash.release();
    signals.release();
    log.flush();
  }
}

interface Running extends RunOptions {
  readonly log: ClosableLog;
  readonly signals: StopSignals;
  readonly onStarted: (server: ParleyServer) => void;
}

async function serveUntilStopped(loaded: LoadedConfig, running: Running): Promise<number> {
  const { signals, readyFile, log } = running;
  if (readyFile !== undefined) clearReadyFile(readyFile);
  const note = await prepareModel(loaded, running);
  if (signals.first.aborted) return 0;
  const { startServer } = await import("../service.ts");
  const server = await startServer(loaded, { log });
  running.onStarted(server);
  try {
    announce(server, loaded, { ...running, notes: note === undefined ? [] : [note] });
  } catch (error) {
    await server.close();
    throw error;
  }
  await aborted(signals.first);
  log.info("draining", { signal: String(signals.first.reason) });
  await server.drain();
  return 0;
}

/** Brings a model on disk where there is none; answers with what the user must know. The services' modules are loaded late, so that `--help` and `--check` are quick. */
async function prepareModel(loaded: LoadedConfig, { host, signals, log }: Running): Promise<string | undefined> {
  const { settings } = loaded;
  if (settings.defaultProvider === "echo") return undefined;
  const { openModelLibrary } = await import("../service-library.ts");
  // what its sources say comes back in one sentence
  const isVerbose = settings.logLevel === "debug" || settings.logLevel === "trace";
  const library = await openModelLibrary(loaded, isVerbose ? log : silentLog);
  try {
    return await ensureModel({ settings, library, show: (id, steps) => showPull(steps, { id, err: host.err }), signal: signals.first });
  } catch (error) {
    if (signals.first.aborted) return undefined;
    throw error;
  } finally {
    await library.close();
  }
}

function announce(
  server: ParleyServer,
  { settings }: LoadedConfig,
  { host, readyFile, notes }: Running & { readonly notes: readonly string[] },
): void {
  const { appName: name, version, modelsDirectory } = settings;
  const defaults = { defaultModel: server.defaultModel(), defaultProvider: server.service.providers.defaultProvider() };
  const { adminUrls } = server;
  const upstreams = settings.upstreams.map((upstream) => upstream.name);
  host.out.write(banner({ name, version, urls: server.urls, adminUrls, ...defaults, upstreams, modelsDirectory, notes }));
  if (readyFile !== undefined)
    writeReadyFile(readyFile, { urls: server.urls, ...(adminUrls.length > 0 && { adminUrls }), pid: process.pid });
  host.out.write(`${readyLine(server.urls)}\n`);
  // known once the default model's process has begun to load it, which nobody should wait for
  void server.gpu.then((what) => host.out.write(gpuLine(what)));
}

/** Watches for errors that nobody caught: each is logged whole, and the first ends the process. */
function watchCrashes(log: ClosableLog): { readonly happened: Promise<void>; release(): void } {
  const { promise: happened, resolve } = Promise.withResolvers<void>();
  const onError = (error: unknown) => {
    log.error("uncaught error: the process ends", { error });
    resolve();
  };
  const names = ["uncaughtException", "unhandledRejection"] as const;
  for (const name of names) process.on(name, onError);
  return { happened, release: () => names.forEach((name) => process.off(name, onError)) };
}

function aborted(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (signal.aborted) resolve();
  else signal.addEventListener("abort", () => resolve(), { once: true });
  return promise;
}

function atMost(ms: number, work: Promise<void> | undefined): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  return Promise.race([work, promise]).finally(() => clearTimeout(timer));
}
