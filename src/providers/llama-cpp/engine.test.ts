import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it, vi } from "vitest";
import { create } from "@bufbuild/protobuf";
import { ChatRequestSchema } from "../../../gen/parley/v1/chat_pb.ts";
import { systemClock } from "../../core/clock.ts";
import { lastLineOf } from "../../core/last-line.ts";
import { defaultLimits, type Limits } from "../../core/limits.ts";
import type { Clock, Log } from "../../core/ports.ts";
import { reasonOf } from "../../core/reasons.ts";
import { eventsOf, failureOf } from "../../testing/collect-events.ts";
import { fakeClock } from "../../testing/fake-clock.ts";
import { temporaryFolder } from "../../testing/temporary-folder.ts";
import type { TinyEngineScript } from "../../testing/tiny-engine.ts";
import { writeTinyGguf } from "../../testing/tiny-gguf.ts";
import { Engine } from "./engine.ts";
import { engineLoad, type LoadSurroundings } from "./load-options.ts";
import { engineRequest } from "./request.ts";

// Processes are started, and the machine may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const logged: (readonly [message: string, facts: Readonly<Record<string, unknown>> | undefined])[] = [];
const queued: number[] = [];
let engine: Engine;
afterEach(() => engine.stop());

const scripted = { program: fileURLToPath(new URL("../../testing/tiny-engine.ts", import.meta.url)) };

interface Start {
  readonly load?: Pick<LoadSurroundings, "modelPath" | "loraAdapters">;
  readonly clock?: Clock;
  readonly limits?: Limits;
  readonly program?: { readonly program?: string };
}

/** An engine that does what its prompts say, unless it has another program. */
function start({ load, clock = systemClock, limits = defaultLimits, program = scripted }: Start = {}): Engine {
  const note: Log["debug"] = (message, facts) => void logged.push([message, facts]);
  logged.length = queued.length = 0;
  engine = new Engine({
    model: "m",
    load: engineLoad({ threads: 1 }, { modelPath: "/secret/folder/m.gguf", ...load, gpu: "none", limits }),
    limits,
    clock,
    observer: { decoded() {}, queued: (_model, depth) => queued.push(depth), waited() {}, loaded() {}, restarted() {} },
    log: { debug: note, info: note, warn: note, error: note },
    onLoading: () => {},
    ...program,
  });
  return engine;
}

function does(script: TinyEngineScript): Promise<unknown> {
  const request = create(ChatRequestSchema, { rawPrompt: { prompt: { case: "text", value: JSON.stringify(script) } } });
  const asked = engineRequest(request, { maxTokens: undefined, temperature: undefined }, "tenant");
  return eventsOf(engine.generate(asked, new AbortController().signal));
}

const stats = { promptTokens: 1, completionTokens: 1, queueMs: 0, promptMs: 0, generationMs: 0 };
const tick = (id: number, event: object, more = {}) => ({ type: "tick", events: [[id, event]], decodes: [], ...more });

describe("an engine that says what is not in the protocol", () => {
  it.each([
    { what: "an unknown type", message: { type: "gossip", text: "words of an answer" }, named: "gossip" },
    { what: "twice what it would take", message: { type: "estimated", estimate: {} }, times: 2, named: "estimated" },
    { what: "no type", message: { text: "words of an answer" }, named: "without a type" },
    { what: "no object", message: "words of an answer", named: "without a type" },
    { what: "half a tick", message: { type: "tick", text: "words of an answer" }, named: "tick" },
    { what: "text that is none", message: tick(1, { type: "text", choice: 0 }), named: "tick" },
  ])("ends alone: $what", async ({ message, times = 1, named }) => {
    await start().loaded;
    const error = await failureOf(does({ say: Array.from({ length: times }, () => message) }));
    expect(reasonOf(error)).toBe("engine_failed");
    expect(error.rawMessage).toContain(`it said something that is not in the protocol (${named})`);
    expect(error.rawMessage).not.toContain("words of an answer");
    expect(await engine.ended).toMatchObject({ why: expect.stringContaining("protocol") });
  });

  it("ends alone when it says no JSON", async () => {
    await start().loaded;
    const error = await failureOf(does({ raw: "words of an answer\n" }));
    expect(error.rawMessage).toContain("it said something that is not in the protocol (no JSON)");
    expect(error.rawMessage).not.toContain("words of an answer");
  });

  it("fails the call alone whose error has a reason that nobody knows", async () => {
    await start().loaded;
    const failed = { type: "failed", error: { reason: "bad_weather", message: "it rains", metadata: {}, fields: [] } };
    const error = await failureOf(does({ say: [tick(1, failed)] }));
    expect([reasonOf(error), error.rawMessage]).toEqual(["engine_failed", "it rains"]);
    expect(await does({ say: [tick(2, { type: "completed", stats })] })).toEqual([{ type: "completed", stats }]);
  });
});

it.runIf(process.platform === "linux")("an engine is ended before the service where memory runs out", async () => {
  await start().loaded;
  const scoreOf = (pid: number | undefined) => Number(readFileSync(`/proc/${pid}/oom_score_adj`, "utf8"));
  expect(scoreOf(engine.pid)).toBeGreaterThan(scoreOf(process.pid));
});

it("an engine that never comes to an end with a file's header is killed", async () => {
  const clock = fakeClock();
  const { loaded } = start({ load: { modelPath: "endless.gguf" }, clock, limits: { ...defaultLimits, engineSilenceMs: 3_600_000 } });
  clock.advance(119_999);
  const error = failureOf(loaded);
  clock.advance(1);
  expect((await error).rawMessage).toContain("it did not read the model's header within 120000 ms and was killed");
});

it("an engine that cannot load tells callers no folder of this machine", async () => {
  const folder = await temporaryFolder();
  const modelPath = join(folder, "m.gguf");
  await writeTinyGguf(modelPath);
  const adapter = { path: join(folder, "gone.gguf"), scale: 1, stamp: "" };
  const error = await failureOf(start({ load: { modelPath, loraAdapters: [adapter] }, program: {} }).loaded);
  expect(error.rawMessage).toMatch(/^model "m" cannot be loaded: .*gone\.gguf/);
  expect(error.rawMessage).not.toContain(folder);
});

describe("an engine that crashes", () => {
  it("tells its last lines to the log and not to callers", async () => {
    await start().loaded;
    const error = await failureOf(does({ line: "error: llama_model_load: error loading model: /secret/folder/m.gguf", exit: 3 }));
    expect(error.rawMessage).toMatch(/^the process of model "m" failed: it ended with code 3; try again/);
    expect(error.rawMessage).not.toContain("secret");
    expect(lastLineOf(error)).toBe("llama: error loading model");
    expect(String(error.cause)).toContain("error loading model: /secret/folder/m.gguf");
    expect(await engine.ended).toEqual({
      why: "it ended with code 3",
      lastWords: "error: llama_model_load: error loading model: /secret/folder/m.gguf",
    });
    expect(logged).toContainEqual([
      "a model's process says",
      { model: "m", line: "error: llama_model_load: error loading model: /secret/folder/m.gguf" },
    ]);
  });

  it("has nobody in its queue any more", async () => {
    await start().loaded;
    const waiting = tick(1, { type: "waiting", position: 1 }, { queued: 5 });
    await failureOf(does({ say: [waiting], exit: 1 }));
    expect(queued).toEqual([5, 0]);
  });
});
