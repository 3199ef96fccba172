import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { ChatRequest } from "../../../gen/parley/v1/chat_pb.ts";
import { ModelState, type LoadModelResponse } from "../../../gen/parley/v1/models_pb.ts";
import { reasonOf } from "../../core/reasons.ts";
import { only } from "../../core/stream.ts";
import { testContext } from "../../testing/call-context.ts";
import { answerOf, begunAnswer, eventsOf, failureOf, restOf, textOf, valuesOf } from "../../testing/collect-events.ts";
import { fakeClock } from "../../testing/fake-clock.ts";
import { userRequest } from "../../testing/sample-request.ts";
import { tinyProvider, type TinyProvider, type TinyProviderOptions } from "../../testing/tiny-provider.ts";
import { writeTinyGguf } from "../../testing/tiny-gguf.ts";

// Processes are started, and the machine may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let tiny: TinyProvider;
afterEach(() => tiny.close());

async function start(models: readonly string[], options: TinyProviderOptions = {}): Promise<void> {
  tiny = await tinyProvider({ ...options, load: { sequences: 2, contextLength: 2048, ...options.load } });
  for (const model of models) await tiny.library.add(model);
}

const ask = (model: string, maxTokens = 4) => userRequest("hello", { model, maxTokens });
const signal = new AbortController().signal;
/** A clock that leaps would find every process silent. */
const patient = { engineSilenceMs: 3_600_000 };
const isLoaded =
  (model: string, loaded = true) =>
  (report: TinyProvider["reports"][number]) =>
    report[0] === "loaded" && report[1] === model && report[2] === loaded;

async function stateOf(model: string): Promise<{ readonly state: ModelState; readonly problem: string }> {
  const found = (await tiny.provider.listModels(signal)).find(({ id }) => id === model);
  return { state: found?.state ?? ModelState.UNSPECIFIED, problem: found?.problem ?? "" };
}

const countOf = (chat: ChatRequest) =>
  only(tiny.provider.countTokens!({ $typeName: "parley.v1.CountTokensRequest", chat }, testContext(chat)));

const streaming = (request: ChatRequest) => begunAnswer(tiny.provider, request);

describe("a model of this machine", () => {
  it("is loaded by the first request, once for all that come meanwhile", async () => {
    await start(["tiny"]);
    expect((await stateOf("tiny")).state).toBe(ModelState.ON_DISK);
    const answers = await Promise.all([1, 2, 3].map(() => answerOf(tiny.provider, ask("tiny"))));
    for (const events of answers) expect(valuesOf(events, "completed")[0]?.timings?.loadMs).toBeGreaterThan(0);
    expect(tiny.reports.filter(isLoaded("tiny"))).toHaveLength(1);
    const [model] = await tiny.provider.listModels(signal);
    expect(model).toMatchObject({ state: ModelState.READY, contextLength: 2048, ownedBy: "local" });
    expect(model!.memoryBytes).toBeGreaterThan(100_000n);
  });

  it("tells how far its load is, and keeps the options it was loaded with", async () => {
    await start(["tiny"]);
    const changes: string[] = [];
    const stop = tiny.provider.local!.watch((model) => changes.push(model));
    const options = { $typeName: "parley.v1.LoadOptions" as const, contextLength: 300, kvType: "", loraAdapters: [], chatTemplate: "" };
    const steps: LoadModelResponse[] = await eventsOf(tiny.provider.local!.load("tiny.gguf", options, signal));
    stop();
    expect(steps.at(-1)).toMatchObject({ fractionDone: 1, model: { id: "tiny", state: ModelState.READY, contextLength: 300 } });
    expect(steps[0]?.model?.state).toBe(ModelState.LOADING);
    expect(changes).toContain("tiny");
    const other = eventsOf(tiny.provider.local!.load("tiny", { ...options, contextLength: 400 }, signal));
    expect(reasonOf(await failureOf(other))).toBe("model_state");
    expect(await eventsOf(tiny.provider.local!.load("tiny", undefined, signal))).toHaveLength(1);
    const { contextLength: _, ...longer } = { ...options, keepAliveSeconds: 1000 };
    const [kept] = await eventsOf(tiny.provider.local!.load("tiny", longer, signal));
    expect(kept?.model?.contextLength).toBe(300);
    expect((tiny.provider.local!.stay("tiny")?.untilMs ?? 0) - Date.now()).toBeGreaterThan(990_000);
  });

  it("is unloaded after its streams have ended, and loaded again by the next request", async () => {
    await start(["tiny"]);
    const stream = await streaming(ask("tiny", 300));
    const unloaded = tiny.provider.local!.unload("tiny");
    expect(valuesOf(await restOf(stream), "completed")[0]?.usage?.completionTokens).toBe(300);
    await unloaded;
    expect((await stateOf("tiny")).state).toBe(ModelState.ON_DISK);
    expect(() => process.kill(tiny.pidOf("tiny"), 0)).toThrow("ESRCH");
    expect(textOf(await answerOf(tiny.provider, ask("tiny")))).not.toBe("");
  });

  it("is unloaded when its file is gone", async () => {
    await start(["tiny"]);
    await answerOf(tiny.provider, ask("tiny"));
    tiny.library.forget("tiny");
    await tiny.reported(isLoaded("tiny", false));
    expect(reasonOf(await failureOf(answerOf(tiny.provider, ask("tiny"))))).toBe("model_not_found");
  });

  it("is unloaded when nobody has asked for it long enough", async () => {
    const clock = fakeClock();
    await start(["tiny"], { clock, limits: patient, load: { keepAliveSeconds: 60 } });
    const stay = () => tiny.provider.local?.stay("tiny");
    expect(stay()).toBeUndefined();
    await answerOf(tiny.provider, ask("tiny"));
    clock.advance(59_000);
    expect(stay()).toEqual({ vramBytes: expect.any(Number) as number, untilMs: clock.now() + 1000 });
    const stream = await streaming(ask("tiny"));
    expect(stay()?.untilMs).toBe(clock.now() + 60_000);
    await restOf(stream);
    clock.advance(59_000);
    expect((await stateOf("tiny")).state).toBe(ModelState.READY);
    clock.advance(1000);
    await tiny.reported(isLoaded("tiny", false));
  });

  it("goes with its last call, or stays a while after it, where that is said while it is loaded", async () => {
    const clock = fakeClock();
    await start(["tiny"], { clock, limits: patient });
    const local = tiny.provider.local!;
    local.keep("tiny", 0);
    const stream = await streaming(ask("tiny", 1900));
    local.keep("tiny", 0);
    expect(textOf(await answerOf(tiny.provider, ask("tiny")))).not.toBe("");
    expect(tiny.reports.some(isLoaded("tiny", false))).toBe(false);
    await stream.return?.();
    await tiny.reported(isLoaded("tiny", false));
    await answerOf(tiny.provider, ask("tiny"));
    const untilMs = (seconds: number) => (local.keep("tiny", seconds), local.stay("tiny")?.untilMs);
    expect([untilMs(60), untilMs(Infinity)]).toEqual([clock.now() + 60_000, undefined]);
    const other = await streaming(ask("tiny", 1900));
    expect(untilMs(0)).toBe(clock.now());
    await eventsOf(local.load("tiny", undefined, signal));
    await other.return?.();
    expect((await stateOf("tiny")).state).toBe(ModelState.READY);
  });

  it("stays while somebody has it in hand, and while others wait for its load", async () => {
    const clock = fakeClock();
    await start(["tiny"], { clock, limits: patient, load: { keepAliveSeconds: 1 } });
    const [stream, other] = await Promise.all([streaming(ask("tiny", 1900)), streaming(ask("tiny", 1900))]);
    clock.advance(60_000);
    await other.return?.();
    clock.advance(60_000);
    expect(valuesOf(await restOf(stream), "completed")[0]?.usage?.completionTokens).toBe(1900);
    expect(tiny.reports.some(isLoaded("tiny", false))).toBe(false);
    clock.advance(1000);
    await tiny.reported(isLoaded("tiny", false));
  });

  it.each([
    { what: "its tokens were counted", use: () => countOf(ask("tiny")) },
    { what: "it was loaded though it was loaded", use: () => eventsOf(tiny.provider.local!.load("tiny", undefined, signal)) },
    { what: "a call went away at once", use: () => failureOf(answerOf(tiny.provider, ask("tiny"), { signal: AbortSignal.abort() })) },
    { what: "a call was refused", use: () => failureOf(answerOf(tiny.provider, userRequest("long ".repeat(2000), { model: "tiny" }))) },
  ])("is unloaded a while after $what", async ({ use }) => {
    const clock = fakeClock();
    await start(["tiny"], { clock, limits: patient, load: { keepAliveSeconds: 60 } });
    await answerOf(tiny.provider, ask("tiny"));
    clock.advance(59_000);
    await use();
    clock.advance(59_000);
    expect((await stateOf("tiny")).state).toBe(ModelState.READY);
    expect(tiny.reports.some(isLoaded("tiny", false))).toBe(false);
    clock.advance(1000);
    await tiny.reported(isLoaded("tiny", false));
  });

  it("is unloaded after its tokens have been counted", async () => {
    await start(["tiny"]);
    await answerOf(tiny.provider, ask("tiny"));
    const counted = countOf(ask("tiny"));
    await tiny.provider.local!.unload("tiny");
    expect((await counted).promptTokens).toBeGreaterThan(0);
  });

  it("does not chat when it makes vectors", async () => {
    await start([]);
    await tiny.library.add("vectors", {}, { purpose: "embed" });
    expect(reasonOf(await failureOf(answerOf(tiny.provider, ask("vectors"))))).toBe("model_state");
  });
});

describe("the process of a model", () => {
  it("takes only its own streams with it when it is killed, and the model serves again by itself", async () => {
    await start(["one", "two"]);
    for (const model of ["one", "two"]) await answerOf(tiny.provider, ask(model));
    const [lives, dies] = [await streaming(ask("two", 1900)), await streaming(ask("one", 1900))];
    const from = tiny.reports.length;
    process.kill(tiny.pidOf("one"), "SIGSEGV");
    const error = await failureOf(restOf(dies));
    expect(reasonOf(error)).toBe("engine_failed");
    expect(error.rawMessage).toContain("SIGSEGV");
    // The stream knew before a new process was there: nothing but the end of the old one told it.
    expect(tiny.reports.slice(from).some(isLoaded("one"))).toBe(false);
    await tiny.reported(isLoaded("one"), from);
    expect(tiny.reports.slice(from).filter(([name]) => name === "restarted")).toHaveLength(1);
    expect(valuesOf(await restOf(lives), "completed")[0]?.usage?.completionTokens).toBe(1900);
    expect(textOf(await answerOf(tiny.provider, ask("one")))).not.toBe("");
  });

  it("is killed when it does not answer", async () => {
    const clock = fakeClock();
    await start(["tiny"], { clock });
    const stream = await streaming(ask("tiny", 1900));
    process.kill(tiny.pidOf("tiny"), "SIGSTOP");
    clock.advance(45_000);
    const error = await failureOf(restOf(stream));
    expect([reasonOf(error), error.rawMessage.includes("did not answer")]).toEqual(["engine_failed", true]);
    expect(textOf(await answerOf(tiny.provider, ask("tiny")))).not.toBe("");
  });

  it("is given up after three crashes in a row, and tried again by a later request", async () => {
    const clock = fakeClock();
    await start(["tiny"], { clock, limits: patient });
    await answerOf(tiny.provider, ask("tiny"));
    for (const crash of [1, 2, 3]) {
      const from = tiny.reports.length;
      process.kill(tiny.pidOf("tiny"), "SIGKILL");
      await tiny.reported(([name]) => name === "restarted", from);
      if (crash === 2) clock.advance(1000);
      if (crash < 3) await tiny.reported(isLoaded("tiny"), from);
    }
    expect(await stateOf("tiny")).toEqual({ state: ModelState.FAILED, problem: expect.stringContaining("3 times in a row") });
    expect(reasonOf(await failureOf(answerOf(tiny.provider, ask("tiny"))))).toBe("engine_failed");
    clock.advance(4000);
    expect(textOf(await answerOf(tiny.provider, ask("tiny")))).not.toBe("");
  });

  it("tells callers no path of this machine", async () => {
    await start(["tiny"]);
    await rm(join(tiny.library.directory, "tiny.gguf"));
    const error = await failureOf(answerOf(tiny.provider, ask("tiny")));
    expect(reasonOf(error)).toBe("engine_failed");
    expect(error.rawMessage).toContain("tiny.gguf");
    expect(error.rawMessage).not.toContain(tiny.library.directory);
  });

  it("says why a file cannot be loaded, and loads it once it can", async () => {
    const clock = fakeClock();
    await start([], { clock });
    const path = join(tiny.library.directory, "broken.gguf");
    await writeFile(path, "no model");
    await tiny.library.addFile("broken", path);
    const error = await failureOf(answerOf(tiny.provider, ask("broken")));
    expect([reasonOf(error), error.rawMessage.startsWith('model "broken" cannot be loaded: ')]).toEqual(["engine_failed", true]);
    expect((await stateOf("broken")).state).toBe(ModelState.FAILED);
    await writeTinyGguf(path);
    await tiny.library.addFile("broken", path);
    expect(textOf(await answerOf(tiny.provider, ask("broken")))).not.toBe("");
  });
});
