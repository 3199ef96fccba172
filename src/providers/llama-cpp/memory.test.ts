import { afterEach, describe, expect, it, vi } from "vitest";
import { ModelState } from "../../../gen/parley/v1/models_pb.ts";
import { reasonOf, retryAfterMsOf } from "../../core/reasons.ts";
import { answerOf, begunAnswer, eventsOf, failureOf, restOf, textOf, valuesOf } from "../../testing/collect-events.ts";
import { userRequest } from "../../testing/sample-request.ts";
import { tinyProvider, type TinyProvider, type TinyProviderOptions } from "../../testing/tiny-provider.ts";

// Processes are started, and the machine may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let tiny: TinyProvider;
afterEach(() => tiny.close());

const { signal } = new AbortController();
/** Two tiny models of two sequences of 512 tokens take 4.6 MB. */
const roomForTwo = 5_000_000;

async function start(models: Readonly<Record<string, number>>, options: TinyProviderOptions): Promise<void> {
  tiny = await tinyProvider({ ...options, load: { sequences: 2, contextLength: 512, ...options.load } });
  for (const [id, layers] of Object.entries(models)) await tiny.library.add(id, { layers });
}

const ask = (model: string, maxTokens = 4) => userRequest("hello", { model, maxTokens });
const answers = async (model: string) => textOf(await answerOf(tiny.provider, ask(model)));

async function loaded(): Promise<string[]> {
  const models = await tiny.provider.listModels(signal);
  return models.filter(({ state }) => state === ModelState.READY).map(({ id }) => id);
}

const streaming = (model: string, maxTokens: number) => begunAnswer(tiny.provider, ask(model, maxTokens));

describe("models of this machine", () => {
  it("are loaded side by side while they fit, and the least recently used leaves for another", async () => {
    await start({ a: 2, b: 2, c: 2 }, { memoryBytes: roomForTwo });
    await answers("a");
    await answers("b");
    expect(await loaded()).toEqual(["a", "b"]);
    await answers("a");
    expect(await answers("c")).not.toBe("");
    expect(await loaded()).toEqual(["a", "c"]);
    expect(await answers("b")).not.toBe("");
    expect(await loaded()).toEqual(["b", "c"]);
  });

  it("are never unloaded while they write: the other waits until one is done", async () => {
    await start({ a: 2, b: 2, c: 2 }, { memoryBytes: roomForTwo });
    const [a, b] = [await streaming("a", 400), await streaming("b", 400)];
    const late = answers("c");
    const streams = await Promise.all([restOf(a), restOf(b)]);
    for (const events of streams) expect(valuesOf(events, "completed")[0]?.usage?.completionTokens).toBe(400);
    expect(await late).not.toBe("");
  });

  it("tell who waits in vain what is needed and when to try again, and are loaded once there is room", async () => {
    await start({ a: 2, big: 12 }, { memoryBytes: 6_000_000, limits: { modelMemoryMs: 200 } });
    const busy = await streaming("a", 450);
    const error = await failureOf(answerOf(tiny.provider, ask("big")));
    expect([reasonOf(error), retryAfterMsOf(error)]).toEqual(["queue_timeout", 5000]);
    expect(error.rawMessage).toMatch(/^model "big" needs \d\.\d MB of memory beside 1 model that is busy \(\d\.\d MB of 6\.0 MB; /);
    await busy.return?.();
    expect(await answers("big")).not.toBe("");
  });

  it("are refused before anything of them is loaded when they can never fit, with both numbers", async () => {
    await start({ a: 2, huge: 40 }, { memoryBytes: roomForTwo });
    await answers("a");
    const error = await failureOf(answerOf(tiny.provider, ask("huge")));
    expect(reasonOf(error)).toBe("model_too_large");
    expect(error.rawMessage).toMatch(
      /^model "huge" needs 1\d\.\d MB of memory with 2 sequences of 512 tokens, and the budget is 5\.0 MB: load it with /,
    );
    expect(await loaded()).toEqual(["a"]);
    expect((await tiny.provider.listModels(signal)).find(({ id }) => id === "huge")).toMatchObject({ state: ModelState.FAILED });
    expect(reasonOf(await failureOf(answerOf(tiny.provider, ask("huge"))))).toBe("model_too_large");
    expect(await answers("a")).not.toBe("");
  });

  it("are refused in one way and loaded in a smaller one", async () => {
    await start({ a: 8 }, { memoryBytes: roomForTwo, load: { contextLength: 2048 } });
    expect(reasonOf(await failureOf(answerOf(tiny.provider, ask("a"))))).toBe("model_too_large");
    const options = { $typeName: "parley.v1.LoadOptions" as const, contextLength: 256, kvType: "", loraAdapters: [], chatTemplate: "" };
    await eventsOf(tiny.provider.local!.load("a", options, signal));
    expect(await answers("a")).not.toBe("");
  });

  it("shrink by themselves to what fits", async () => {
    await start({ a: 8, b: 8 }, { memoryBytes: 36_000_000, load: { sequences: undefined, contextLength: undefined } });
    await answers("a");
    await answers("b");
    expect(await loaded()).toEqual(["a", "b"]);
    const bytes = (await tiny.provider.listModels(signal)).map(({ memoryBytes }) => Number(memoryBytes));
    expect(bytes[1]).toBeLessThan(bytes[0]!);
    expect(bytes[0]! + bytes[1]!).toBeLessThanOrEqual(36_000_000);
  });

  it("are at most as many as the limit says", async () => {
    await start({ a: 2, b: 2 }, { limits: { maxLoadedModels: 1 } });
    await answers("a");
    await answers("b");
    expect(await loaded()).toEqual(["b"]);
  });

  it("take about what was estimated, as the list and the metrics tell", async () => {
    await start({ a: 4 }, {});
    await answers("a");
    const [model] = await tiny.provider.listModels(signal);
    expect(tiny.reports).toContainEqual(["loaded", "a", true, Number(model?.memoryBytes)]);
    expect(await tiny.provider.local!.gpu).toMatch(/^none \(CPU, 1 thread/);
  });

  it("are loaded once however many first requests come at once, also where another must leave first", async () => {
    await start({ a: 2, b: 2 }, { limits: { maxLoadedModels: 1 } });
    await answers("a");
    const all = await Promise.all(Array.from({ length: 8 }, () => answers("b")));
    expect(all.filter((text) => text === "")).toEqual([]);
    expect(tiny.reports.filter(([name, model, isLoaded]) => name === "loaded" && model === "b" && isLoaded === true)).toHaveLength(1);
  });

  it("take turns when more are asked for than fit, and lose no request", async () => {
    await start({ a: 2, b: 2, c: 2 }, { memoryBytes: roomForTwo });
    const asked = Array.from({ length: 4 }, () => ["a", "b", "c"]).flat();
    const texts = await Promise.all(asked.map((model) => answers(model)));
    expect(texts.filter((text) => text === "")).toEqual([]);
  });
});
