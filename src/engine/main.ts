import { errorText } from "../core/error-text.ts";
import { fault } from "../core/reasons.ts";
import { loadModel, type LoadedModel } from "./model.ts";
import { outbox } from "./outbox.ts";
import { parent } from "./parent.ts";
import { errorToEngine } from "./protocol/errors.ts";
import type { EngineLoad } from "./protocol/load.ts";
import type { FromEngine, ToEngine } from "./protocol/messages.ts";
import { answerTo } from "./questions.ts";
import { Scheduler } from "./scheduler.ts";

// The program of one model's process. It is started with a channel to its parent and with UV_THREADPOOL_SIZE set and lives no longer than its parent.

/** Freeing a model may wait for a decode, and has been seen to wait for ever. */
const disposeMs = 2000;

/** A model that makes vectors alone has no sequences, and no scheduler. */
let engine: { readonly loaded: LoadedModel; readonly running: Scheduler | undefined } | undefined;
let isEnding = false;
/** Who waits for the size to load; answers `estimated`. */
const chosen = Promise.withResolvers<number>();

const send: (message: FromEngine) => void = parent({
  onMessage: (message) => void handle(message),
  // Nobody is left who could use what an orderly end would save, and it would take seconds.
  onGone: () => process.kill(process.pid, "SIGKILL"),
});

async function load(options: EngineLoad): Promise<void> {
  try {
    const loaded = await loadModel(options, {
      onProgress: (fractionDone) => send({ type: "loading", fractionDone }),
      choose(estimate) {
        send({ type: "estimated", estimate });
        return chosen.promise;
      },
    });
    engine = { loaded, running: loaded.sequences.length === 0 ? undefined : new Scheduler(loaded, outbox(send), options) };
    engine.running?.ended.catch(giveUp);
    send({ type: "loaded", model: loaded.about });
    if (loaded.templateProblem !== undefined)
      send({ type: "trouble", what: `its chat template is of no use, so that only raw prompts can be had: ${loaded.templateProblem}` });
  } catch (error) {
    send({ type: "load-failed", error: errorToEngine(error) });
  }
}

/** The parent starts a new process, and finds this line in its log. */
function giveUp(error: unknown): void {
  process.stderr.write(`${errorText(error)}\n`);
  process.exit(1);
}

async function end(): Promise<void> {
  if (isEnding) return;
  isEnding = true;
  setTimeout(() => process.exit(0), disposeMs);
  try {
    await engine?.running?.close();
    await engine?.loaded.dispose();
  } finally {
    process.exit(0);
  }
}

function loadedModel(): LoadedModel {
  if (engine === undefined) throw fault("engine_failed", "the model is not loaded yet");
  return engine.loaded;
}

function running(): Scheduler {
  const scheduler = engine?.running;
  if (scheduler === undefined) throw fault("model_state", `model ${loadedModel().model.filename} makes vectors and does not chat`);
  return scheduler;
}

/** Questions that are being answered, by id. */
const asked = new Map<number, AbortController>();

async function ask({ id, question }: Extract<ToEngine, { type: "ask" }>): Promise<void> {
  const controller = new AbortController();
  asked.set(id, controller);
  try {
    const answerer = { id, loaded: loadedModel(), scheduler: running, signal: controller.signal };
    send({ type: "answered", id, answer: await answerTo(question, answerer) });
  } catch (error) {
    if (!controller.signal.aborted) send({ type: "not-answered", id, error: errorToEngine(error) });
  } finally {
    asked.delete(id);
  }
}

function cancel(id: number): void {
  asked.get(id)?.abort();
  engine?.running?.cancel(id);
}

/** Works for one request at one go, and tells the parent so: if this never ends, that request is why. */
function alone<Result>(id: number, work: () => Result): Result {
  send({ type: "handling", id });
  try {
    return work();
  } finally {
    send({ type: "handling" });
  }
}

/** With how long the native library has been at work, and what this process takes where its parent cannot ask the system. */
function pong(): FromEngine {
  const stepMs = engine?.running?.stepMs ?? 0;
  return { type: "pong", stepMs, ...(process.platform !== "linux" && { memoryBytes: process.memoryUsage.rss() }) };
}

async function handle(message: ToEngine): Promise<void> {
  switch (message.type) {
    case "load":
      return load(message.load);
    case "proceed":
      return chosen.resolve(message.size);
    case "generate":
      return alone(message.id, () => running().submit(message.id, message.request));
    case "cancel":
      return cancel(message.id);
    case "pause":
      return running().pause(message.id, true);
    case "resume":
      return running().pause(message.id, false);
    case "ask":
      return alone(message.id, () => ask(message));
    case "ping":
      return send(pong());
    case "shutdown":
      return end();
  }
}

// A terminal sends its signals to the whole group; the parent drains and tells us when to end.
process.on("SIGINT", () => {});
process.on("SIGTERM", () => {});
