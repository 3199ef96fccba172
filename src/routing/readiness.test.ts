import { create } from "@bufbuild/protobuf";
import { describe, expect, it, vi } from "vitest";
import { LoadModelResponseSchema, ModelSchema, ModelState } from "../../gen/parley/v1/models_pb.ts";
import type { Provider } from "../core/ports.ts";
import { fault } from "../core/reasons.ts";
import { plainStop } from "../core/stops.ts";
import { fakeClock } from "../testing/fake-clock.ts";
import { plainTarget } from "../testing/plain-target.ts";
import type { Directory } from "./naming/directory.ts";
import { healthBoard } from "./health-board.ts";
import { readiness } from "./readiness.ts";

const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** A local provider with one model, whose state the test sets, and the readiness that watches it. */
const setUp = (defaultModel: string | undefined) => {
  const clock = fakeClock();
  const board = healthBoard([]);
  const listeners = new Set<() => void>();
  const loads: string[] = [];
  let state: ModelState = ModelState.ON_DISK;
  let outcome: Error | undefined;
  let chosen = defaultModel;
  const provider = (name: string, models: Provider["listModels"]): Provider => ({
    ...{ name, fields: {}, listModels: models, generate: async function* () {}, close: async () => {} },
  });
  const local: Provider = {
    ...provider("llama-cpp", async () => [create(ModelSchema, { id: "m", state, problem: "it is broken" })]),
    local: {
      async *load(model) {
        loads.push(model);
        if (outcome !== undefined) throw outcome;
        state = ModelState.READY;
        yield create(LoadModelResponseSchema, { fractionDone: 1 });
      },
      gpu: Promise.resolve("a test"),
      unload: async () => {},
      isBusy: () => false,
      stay: () => undefined,
      keep() {},
      watch(listener) {
        const listen = () => listener("m");
        listeners.add(listen);
        return () => listeners.delete(listen);
      },
    },
  };
  const echo = provider("echo", async () => [create(ModelSchema, { id: "echo", state: ModelState.READY })]);
  const providers: Readonly<Record<string, string>> = { echo: "echo", "vllm/m": "vllm" };
  const target = () => plainTarget({ provider: providers[chosen ?? ""] ?? "llama-cpp", model: chosen?.replace("vllm/", "") ?? "" });
  const directory: Directory = {
    resolve() {
      if (chosen === undefined) throw fault("model_not_found", "none");
      return { name: chosen, stops: [plainStop(target())] };
    },
    defaultModel: () => chosen,
    setDefault() {},
    isNamed: () => false,
    leadsTo: () => false,
    learn: () => undefined,
    aliasesOf: () => [],
  };
  const ready = readiness({ board, directory, library: { watch: () => () => {} }, local, echo, clock, log: silent });
  return {
    ...{ clock, board, loads, ready },
    become: (next: ModelState) => {
      state = next;
      for (const listener of listeners) listener();
    },
    choose: (model: string) => (chosen = model),
    failWith: (error: Error | undefined) => (outcome = error),
  };
};

describe("readiness", () => {
  it("comes with echo at once, whose health has a name too", async () => {
    const { board, ready } = setUp("echo");
    await ready.refresh();
    expect([board.isReady(), board.status("model:echo")]).toEqual([true, "SERVING"]);
  });

  it("comes with the default model, which is loaded for it", async () => {
    const { board, loads, ready } = setUp("m");
    expect(board.isReady()).toBe(false);
    await ready.refresh();
    await vi.waitFor(() => expect(board.isReady()).toBe(true));
    expect([loads, board.status("model:m")]).toEqual([["m"], "SERVING"]);
  });

  it("comes with an upstream at once, however that is, and loads no file of its model's name", async () => {
    const { board, loads, ready } = setUp("vllm/m");
    await ready.refresh();
    expect([board.isReady(), loads]).toEqual([true, []]);
  });

  it("says what is missing where there is no default", async () => {
    const { board, ready } = setUp(undefined);
    await ready.refresh();
    expect([board.notReadyBecause(), board.hasFailed()]).toEqual([expect.stringContaining("not on disk"), false]);
  });

  it("loads a model that becomes the default later", async () => {
    const { board, loads, ready, choose } = setUp("echo");
    await ready.refresh();
    choose("m");
    await ready.refresh();
    await vi.waitFor(() => expect(board.isReady()).toBe(true));
    expect(loads).toEqual(["m"]);
  });

  it("stays when the model is unloaded, for the next request loads it again", async () => {
    const { board, loads, ready, become } = setUp("m");
    await ready.refresh();
    await vi.waitFor(() => expect(board.isReady()).toBe(true));
    become(ModelState.ON_DISK);
    await ready.refresh();
    expect([board.isReady(), board.status("model:m"), loads]).toEqual([true, "NOT_SERVING", ["m"]]);
  });

  it("goes with a failure, and comes back by itself", async () => {
    const { board, clock, loads, ready, become } = setUp("m");
    await ready.refresh();
    await vi.waitFor(() => expect(board.isReady()).toBe(true));
    become(ModelState.FAILED);
    await ready.refresh();
    expect([board.notReadyBecause(), board.hasFailed()]).toEqual([expect.stringContaining("it is broken"), true]);
    clock.advance(30_000);
    await vi.waitFor(() => expect(board.isReady()).toBe(true));
    expect(board.hasFailed()).toBe(false);
    expect(loads).toEqual(["m", "m"]);
  });

  it("tries again as soon as a failed load says, and not before", async () => {
    const { board, clock, loads, ready, failWith } = setUp("m");
    failWith(fault("engine_failed", "no", { retryAfterMs: 5000 }));
    await ready.refresh();
    await vi.waitFor(() => expect(clock.pending()).toBe(1));
    failWith(undefined);
    clock.advance(4999);
    expect(loads).toHaveLength(1);
    clock.advance(1);
    await vi.waitFor(() => expect(board.isReady()).toBe(true));
    expect(loads).toHaveLength(2);
  });
});
