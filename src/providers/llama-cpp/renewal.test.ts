import { fileURLToPath } from "node:url";
import { create } from "@bufbuild/protobuf";
import { afterEach, describe, expect, it, vi } from "vitest";
import { ChatRequestSchema } from "../../../gen/parley/v1/chat_pb.ts";
import { systemClock } from "../../core/clock.ts";
import { defaultLimits } from "../../core/limits.ts";
import { eventsOf } from "../../testing/collect-events.ts";
import { fakeClock } from "../../testing/fake-clock.ts";
import { recordingLog } from "../../testing/recording-log.ts";
import type { TinyEngineScript } from "../../testing/tiny-engine.ts";
import { Engine } from "./engine.ts";
import { engineLoad } from "./load-options.ts";
import { ModelEngine } from "./model-engine.ts";
import { engineRequest } from "./request.ts";

// Processes are started, and the machine may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const tinyEngine = fileURLToPath(new URL("../../testing/tiny-engine.ts", import.meta.url));
const { signal } = new AbortController();
const limits = { ...defaultLimits, engineGrowthBytes: 32 * 2 ** 20, engineSilenceMs: 3_600_000 };

let model: ModelEngine;
let started: Engine[] = [];
let loaded: (number | undefined)[] = [];
afterEach(() => model.close());

/** A model whose processes do what their prompts say; `programs` are those of the first ones. */
function open({ programs = [], clock = systemClock }: { programs?: readonly string[]; clock?: typeof systemClock } = {}): void {
  [started, loaded] = [[], []];
  const start = () => {
    const engine: Engine = new Engine({
      model: "m",
      load: engineLoad({}, { modelPath: "m.gguf", gpu: "none", limits, loraAdapters: [] }),
      limits,
      clock,
      observer: { decoded() {}, queued() {}, waited() {}, loaded() {}, restarted() {} },
      log: recordingLog().log,
      onLoading: () => {},
      onOvergrown: () => void model.renew(engine),
      program: programs[started.length] ?? tinyEngine,
    });
    started.push(engine);
    return engine;
  };
  const nothing = () => {};
  model = new ModelEngine({
    model: "m",
    clock,
    start,
    keepAliveMs: () => 0,
    onChange: nothing,
    onLoaded: (ready) => loaded.push(ready?.engine.pid),
    onIdle: nothing,
    onCrash: nothing,
    onFailed: nothing,
  });
}

function asking(script: TinyEngineScript) {
  const request = create(ChatRequestSchema, { rawPrompt: { prompt: { case: "text", value: JSON.stringify(script) } } });
  return engineRequest(request, { maxTokens: undefined, temperature: undefined }, "tenant");
}

const tick = (event: object) => ({ type: "tick", events: [[1, event]], decodes: [] });
const text = tick({ type: "text", choice: 0, text: "a" });
const completed = tick({
  type: "completed",
  stats: { promptTokens: 1, completionTokens: 1, cachedTokens: 0, reasoningTokens: 0, queueMs: 0, promptMs: 0, generationMs: 0 },
});

describe("a process that another takes over from", () => {
  it("ends with its last stream, and whoever asks meanwhile gets the new one", async () => {
    open();
    const lease = await model.lease(signal);
    const stream = lease.engine.generate(asking({ say: [text] }), signal)[Symbol.asyncIterator]();
    await stream.next();
    const renewed = model.renew(lease.engine);
    await vi.waitUntil(() => loaded.length === 2);
    const next = await model.lease(signal);
    expect(next.engine).toBe(started[1]);
    expect(await eventsOf(next.engine.generate(asking({ say: [completed] }), signal))).toHaveLength(1);
    next.release();
    // Its stream goes on: the old process still answers, and only the lease keeps it.
    expect(process.kill(lease.engine.pid ?? 0, 0)).toBe(true);
    lease.release();
    expect(await lease.engine.ended).toBeUndefined();
    await renewed;
    expect(loaded).toEqual([started[0]?.pid, started[1]?.pid]);
  });

  it("may itself have taken over from another, and is replaced once however often it is asked for", async () => {
    open();
    for (const round of [1, 2, 3]) {
      const { engine, release } = await model.lease(signal);
      const renewed = Promise.all([model.renew(engine), model.renew(engine)]);
      release();
      await renewed;
      expect(await engine.ended).toBeUndefined();
      expect(started).toHaveLength(round + 1);
    }
    expect((await model.lease(signal)).engine).toBe(started[3]);
  });

  it("ends first when there is no room for both", async () => {
    open({ programs: [tinyEngine, "/nowhere/engine.ts"] });
    const lease = await model.lease(signal);
    const renewed = model.renew(lease.engine);
    await started[1]?.ended;
    lease.release();
    await renewed;
    expect(started).toHaveLength(3);
    expect((await model.lease(signal)).engine).toBe(started[2]);
  });

  it("is ended by a close as much as the one that takes over", async () => {
    open();
    const lease = await model.lease(signal);
    void model.renew(lease.engine);
    await vi.waitUntil(() => loaded.length === 2);
    await model.lease(signal);
    await model.close();
    expect(await Promise.all(started.map(({ ended }) => ended))).toEqual([undefined, undefined]);
  });

  it.runIf(process.platform === "linux")("is one that has taken too much memory", async () => {
    const clock = fakeClock();
    open({ clock });
    const lease = await model.lease(signal);
    // The heartbeat, and the next look at the memory.
    await vi.waitUntil(() => clock.pending() === 2);
    await eventsOf(lease.engine.generate(asking({ takeMiB: 64, say: [completed] }), signal));
    lease.release();
    clock.advance(10_000);
    await vi.waitUntil(() => loaded.length === 2);
    expect((await model.lease(signal)).engine).toBe(started[1]);
    expect(await started[0]?.ended).toBeUndefined();
  });
});
