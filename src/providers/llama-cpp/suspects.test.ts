import { fileURLToPath } from "node:url";
import { create } from "@bufbuild/protobuf";
import { afterEach, describe, expect, it, vi } from "vitest";
import { ChatRequestSchema } from "../../../gen/parley/v1/chat_pb.ts";
import { ResponseFormatSchema } from "../../../gen/parley/v1/messages_pb.ts";
import { systemClock } from "../../core/clock.ts";
import { defaultLimits } from "../../core/limits.ts";
import type { Clock } from "../../core/ports.ts";
import { reasonOf } from "../../core/reasons.ts";
import type { EngineRequest } from "../../engine/protocol/request.ts";
import { eventsOf } from "../../testing/collect-events.ts";
import { fakeClock } from "../../testing/fake-clock.ts";
import { recordingLog } from "../../testing/recording-log.ts";
import type { TinyEngineScript } from "../../testing/tiny-engine.ts";
import { Engine } from "./engine.ts";
import { engineLoad } from "./load-options.ts";
import { Quarantine } from "./quarantine.ts";
import { engineRequest } from "./request.ts";

// Processes are started, and the machine may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const limits = defaultLimits;
let quarantine: Quarantine;
const engines: Engine[] = [];
afterEach(() => Promise.all(engines.splice(0).map((engine) => engine.stop())));

/** A new process that does what its prompts say; its requests are numbered from 1. */
async function start(clock: Clock = systemClock): Promise<Engine> {
  const engine = new Engine({
    model: "m",
    load: engineLoad({}, { modelPath: "m.gguf", gpu: "none", limits }),
    limits,
    clock,
    observer: { decoded() {}, queued() {}, waited() {}, loaded() {}, restarted() {} },
    log: recordingLog().log,
    onLoading: () => {},
    quarantine,
    program: fileURLToPath(new URL("../../testing/tiny-engine.ts", import.meta.url)),
  });
  engines.push(engine);
  await engine.loaded;
  return engine;
}

function request(script: TinyEngineScript, isJson = false): EngineRequest {
  const responseFormat = isJson ? create(ResponseFormatSchema, { format: { case: "jsonObject", value: {} } }) : undefined;
  const rawPrompt = { prompt: { case: "text" as const, value: JSON.stringify(script) } };
  const chat = create(ChatRequestSchema, { rawPrompt, ...(responseFormat !== undefined && { responseFormat }) });
  return engineRequest(chat, { maxTokens: undefined, temperature: undefined }, "tenant");
}

/** Whether it would be taken. */
function standing(asked: EngineRequest): string {
  try {
    return quarantine.isSuspect("m", asked) ? "suspect" : "taken";
  } catch (error) {
    return reasonOf(error);
  }
}

const reading = (...ids: number[]) => ({ type: "reading", ids });
const handling = (id?: number) => ({ type: "handling", id });
const text = (id: number) => ({ type: "tick", events: [[id, { type: "text", choice: 0, text: "a" }]], decodes: [] });

/** It is being answered, and never ends. */
const innocent = request({ say: [text(1)] });

/** Two processes in a row answer the innocent request and crash of the guilty one. */
async function crashTwice(guilty: EngineRequest, innocentLeaves = false): Promise<void> {
  quarantine = new Quarantine({ clock: systemClock, limits });
  for (let crash = 0; crash < 2; crash++) {
    const engine = await start();
    const caller = new AbortController();
    const beside = engine.generate(innocent, caller.signal)[Symbol.asyncIterator]();
    expect((await beside.next()).done).toBe(false);
    const dies = eventsOf(engine.generate(guilty, new AbortController().signal)).catch(reasonOf);
    // It may be a suspect by now, that no other is let in beside.
    if (innocentLeaves && crash === 1) caller.abort();
    expect(await dies).toBe("engine_failed");
    await expect(beside.next()).rejects.toThrow();
  }
}

describe("the request that is refused after two crashes", () => {
  it.each<{ what: string; guilty: EngineRequest }>([
    { what: "the engine worked for alone", guilty: request({ say: [reading(1), handling(2)], signal: "SIGSEGV" }) },
    { what: "was being read", guilty: request({ say: [reading(2)], signal: "SIGSEGV" }) },
    { what: "was bound to a grammar", guilty: request({ say: [reading(2), reading(), text(2)], signal: "SIGABRT" }, true) },
  ])("is the one that $what, and not one beside it", async ({ guilty }) => {
    await crashTwice(guilty);
    expect([standing(guilty), standing(innocent)]).toEqual(["quarantined", "taken"]);
    const engine = await start();
    expect(await eventsOf(engine.generate(guilty, new AbortController().signal)).catch(reasonOf)).toBe("quarantined");
  });

  it("is the one that the engine was stuck with until it was killed", async () => {
    const clock = fakeClock();
    quarantine = new Quarantine({ clock, limits });
    const guilty = request({ say: [handling(2), text(2)], hang: true });
    for (let crash = 0; crash < 2; crash++) {
      const engine = await start(clock);
      const [beside, stuck] = [innocent, guilty].map((asked) =>
        engine.generate(asked, new AbortController().signal)[Symbol.asyncIterator](),
      );
      await beside?.next();
      await stuck?.next();
      clock.advance(60_000);
      await expect(stuck?.next()).rejects.toThrow("did not answer");
      await expect(beside?.next()).rejects.toThrow("did not answer");
    }
    expect([standing(guilty), standing(innocent)]).toEqual(["quarantined", "taken"]);
  });

  it("is the one whose step the library does not end, though the process still answers", async () => {
    quarantine = new Quarantine({ clock: systemClock, limits });
    const guilty = request({ say: [reading(2), reading(), text(2), { type: "pong", stepMs: limits.engineStepMs + 1 }] }, true);
    for (let crash = 0; crash < 2; crash++) {
      const engine = await start();
      const beside = engine.generate(innocent, new AbortController().signal)[Symbol.asyncIterator]();
      await beside.next();
      await expect(eventsOf(engine.generate(guilty, AbortSignal.timeout(10_000)))).rejects.toThrow("a step of it took longer");
    }
    expect([standing(guilty), standing(innocent)]).toEqual(["quarantined", "taken"]);
  });

  it("is not one that was answered beside it, when nothing tells them apart but the second time", async () => {
    const guilty = request({ say: [reading(2), reading(), text(2)], exit: 1 });
    await crashTwice(guilty, true);
    expect([standing(guilty), standing(innocent)]).toEqual(["quarantined", "suspect"]);
  });

  it("is one whose caller has left meanwhile", async () => {
    quarantine = new Quarantine({ clock: systemClock, limits });
    for (let crash = 0; crash < 2; crash++) {
      const engine = await start();
      const caller = new AbortController();
      const asked = engine.ask({ type: "detokenize", tokens: [1, 2] }, caller.signal).catch(reasonOf);
      // It is on its way to the engine once it has waited for its entry.
      await new Promise((resolve) => setImmediate(resolve));
      caller.abort();
      expect(await asked).toBe("caller_gone");
      process.kill(engine.pid ?? 0, "SIGSEGV");
      expect(await engine.ended).toMatchObject({ why: "it ended with SIGSEGV" });
    }
    expect(() => quarantine.isSuspect("m", { type: "detokenize", tokens: [1, 2] })).toThrow("2 times");
  });

  it("is none that has been answered", async () => {
    quarantine = new Quarantine({ clock: systemClock, limits });
    const stats = { promptTokens: 1, completionTokens: 1, queueMs: 0, promptMs: 0, generationMs: 0 };
    const done = request({ say: [reading(1), { type: "tick", events: [[1, { type: "completed", stats }]], decodes: [] }] });
    for (let crash = 0; crash < 2; crash++) {
      const engine = await start();
      expect(await eventsOf(engine.generate(done, new AbortController().signal))).toHaveLength(1);
      process.kill(engine.pid ?? 0, "SIGSEGV");
      await engine.ended;
    }
    expect(standing(done)).toBe("taken");
  });
});
