import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import { Priority, type ChatEvent, type ChatRequest } from "../../../gen/parley/v1/chat_pb.ts";
import { reasonOf, retryAfterMsOf } from "../../core/reasons.ts";
import { testContext } from "../../testing/call-context.ts";
import { answerOf, begunAnswer, failureOf, iterate, restOf, textOf, valuesOf } from "../../testing/collect-events.ts";
import { userRequest } from "../../testing/sample-request.ts";
import { tinyProvider, type TinyProvider, type TinyProviderOptions } from "../../testing/tiny-provider.ts";

// Processes are started, and the machine may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let tiny: TinyProvider;
let usual: TinyProvider | undefined;
afterEach(async () => {
  if (tiny !== usual) await tiny.close();
});
afterAll(() => usual?.close());

/** A model with one sequence, so that a second call waits; without options the same one for all tests. */
async function start(options?: TinyProviderOptions): Promise<void> {
  tiny = options === undefined ? (usual ??= await loaded()) : await loaded(options);
}

async function loaded(options: TinyProviderOptions = {}): Promise<TinyProvider> {
  const made = await tinyProvider({ ...options, load: { sequences: 1, contextLength: 2048, ...options.load } });
  await made.library.add("tiny");
  await answerOf(made.provider, ask(1));
  return made;
}

const ask = (maxTokens: number, more = {}) => userRequest("hello", { model: "tiny", maxTokens, ...more });

/** A call that runs until its controller aborts: its first content has come. */
async function running(request: ChatRequest): Promise<{ readonly abort: () => void; readonly rest: Promise<ChatEvent[]> }> {
  const controller = new AbortController();
  const rest = restOf(await begunAnswer(tiny.provider, request, { signal: controller.signal }));
  rest.catch(() => {});
  return { abort: () => controller.abort(), rest };
}

/** A call that waits in the queue. */
async function waiting(request: ChatRequest, signal?: AbortSignal): Promise<{ readonly answer: Promise<ChatEvent[]> }> {
  const from = tiny.reports.length;
  const answer = answerOf(tiny.provider, request, signal === undefined ? {} : { signal });
  answer.catch(() => {});
  await tiny.reported(([name]) => name === "queued", from);
  return { answer };
}

describe("a call that nobody wants any more", () => {
  it("frees its sequence while it writes", async () => {
    await start();
    const from = tiny.reports.length;
    const { abort, rest } = await running(ask(1900));
    abort();
    expect(reasonOf(await failureOf(rest))).toBe("caller_gone");
    await answerOf(tiny.provider, ask(2));
    expect(tiny.reports.slice(from).filter(([name]) => name === "decoded").length).toBeLessThan(1000);
  });

  it("leaves the queue", async () => {
    await start();
    const first = await running(ask(1900));
    const controller = new AbortController();
    const { answer } = await waiting(ask(2), controller.signal);
    const from = tiny.reports.length;
    controller.abort();
    expect(reasonOf(await failureOf(answer))).toBe("caller_gone");
    await tiny.reported(([name, , depth]) => name === "queued" && depth === 0, from);
    first.abort();
  });

  it("frees its sequence while its prompt is read, at the next chunk", async () => {
    await start({ limits: { prefillChunkTokens: 16 } });
    const long = userRequest("a ".repeat(900), { model: "tiny", maxTokens: 2, includeProgress: true });
    const controller = new AbortController();
    const iterator = iterate(tiny.provider.generate(long, testContext(long, { signal: controller.signal })));
    const first = await iterator.next();
    const { promptTokensDone, promptTokensTotal } = valuesOf([first.value as ChatEvent], "progress")[0]!;
    // What it has in common with the call before was there; of the rest no more than a chunk.
    expect(promptTokensDone).toBeLessThan(2 * 16);
    const from = tiny.reports.length;
    controller.abort();
    expect(reasonOf(await failureOf(restOf(iterator)))).toBe("caller_gone");
    await answerOf(tiny.provider, ask(2));
    const decodes = tiny.reports.slice(from).filter(([name]) => name === "decoded").length;
    expect(decodes).toBeLessThan(promptTokensTotal! / 16 / 2);
  });
});

describe("the queue of a local model", () => {
  it("is bounded, and says when to come again", async () => {
    await start({ limits: { engineQueue: 1 } });
    const first = await running(ask(1900));
    const second = await waiting(ask(2));
    const error = await failureOf(answerOf(tiny.provider, ask(2)));
    expect(reasonOf(error)).toBe("queue_full");
    expect(retryAfterMsOf(error)).toBeGreaterThan(0);
    first.abort();
    expect(textOf(await second.answer)).not.toBe("");
  });

  it("lets nobody wait longer than allowed", async () => {
    await start({ limits: { engineQueueMs: 20 } });
    const first = await running(ask(1900));
    expect(reasonOf(await failureOf(answerOf(tiny.provider, ask(2))))).toBe("queue_timeout");
    first.abort();
  });

  it("serves in the order of arrival, interactive calls before those of batch, and tells their places", async () => {
    await start();
    const first = await running(ask(1900));
    const order: string[] = [];
    const places: (number | undefined)[] = [];
    const call = async (name: string, priority: Priority) => {
      const { answer } = await waiting(ask(2, { priority, includeProgress: true }));
      return answer.then((events) => {
        order.push(name);
        places.push(valuesOf(events, "progress")[0]?.queuePosition);
      });
    };
    const calls: Promise<void>[] = [];
    for (const [name, priority] of [
      ["batch", Priority.BATCH],
      ["one", Priority.INTERACTIVE],
      ["two", Priority.UNSPECIFIED],
    ] as const) {
      const from = tiny.reports.length;
      calls.push(call(name, priority));
      await tiny.reported(([report]) => report === "queued", from);
    }
    first.abort();
    await Promise.all(calls);
    expect(order).toEqual(["one", "two", "batch"]);
    expect(places).toEqual([1, 2, 1]);
  });

  it("does not let the many choices of one call keep others waiting", async () => {
    await start();
    const order: string[] = [];
    const many = answerOf(tiny.provider, ask(20, { choices: 8 })).then(() => order.push("many"));
    const one = answerOf(tiny.provider, ask(20)).then(() => order.push("one"));
    await Promise.all([many, one]);
    expect(order).toEqual(["one", "many"]);
  });
});

describe("a slow reader", () => {
  it("leaves the batch, keeps nobody waiting, and gets all of its answer when it reads on", async () => {
    await start({ limits: { streamBufferBytes: 64 }, load: { sequences: 2, contextLength: 512 } });
    const request = ask(400);
    const slow = iterate(tiny.provider.generate(request, testContext(request)));
    await slow.next();
    const from = tiny.reports.length;
    await answerOf(tiny.provider, ask(400));
    const alone = tiny.reports.slice(from).filter(([name, , busy, active]) => name === "decoded" && busy === 1 && active === 1);
    expect(alone.length).toBeGreaterThan(200);
    const rest = await restOf(slow);
    expect(valuesOf(rest, "completed")[0]?.usage?.completionTokens).toBe(400);
  });
});
