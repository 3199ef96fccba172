import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterEach, describe, expect, it, vi } from "vitest";
import { Code, createClient } from "@connectrpc/connect";
import { Health, HealthCheckResponse_ServingStatus as Status } from "../../gen/grpc/health/v1/health_pb.ts";
import { ChatService, type ChatEvent } from "../../gen/parley/v1/chat_pb.ts";
import { eventsOf, failureOf, iterate, textOf } from "./collect-events.ts";
import { isRunning, startParleyProcess, type ParleyProcess, type ParleyProcessOptions } from "./parley-process.ts";
import { userRequest } from "./sample-request.ts";
import { sseChat } from "./sse.ts";

vi.setConfig({ testTimeout: 30_000 });

let running: ParleyProcess[] = [];
afterEach(async () => {
  await Promise.all(running.map((parley) => parley.cleanUp()));
  running = [];
});

async function start(options: ParleyProcessOptions): Promise<ParleyProcess> {
  const parley = await startParleyProcess(options);
  running.push(parley);
  return parley;
}

const user = (more = {}) => ({ model: "tiny", messages: [{ role: "user", content: "hi" }], ...more });
/** Slow enough that a stream of 2000 tokens outlasts what a test does meanwhile. */
const slow = { layers: 24, contextLength: 4096 };

describe("a service that is told to stop", () => {
  it("finishes the streams that run, turns NOT_SERVING, takes no new calls, and ends with 0 and without children", async () => {
    const parley = await start({ models: { tiny: slow } });
    const client = createClient(Health, createGrpcTransport({ baseUrl: parley.url }));
    const health = client.watch({ service: "" })[Symbol.asyncIterator]();
    expect((await health.next()).value?.status).toBe(Status.SERVING);
    const stream = await sseChat(parley.url, user({ max_tokens: 300 }));
    await stream.next();
    const children = await parley.children();
    expect(children).toHaveLength(1);
    parley.process.kill("SIGTERM");
    expect((await health.next()).value?.status).toBe(Status.NOT_SERVING);
    const refused = await fetch(`${parley.url}/v1/models`).then(
      ({ status }) => status,
      (error: Error) => error.message,
    );
    expect(refused).not.toBe(200);
    expect((await stream.rest()).at(-1)).toBe("[DONE]");
    expect(await parley.ended).toBe(0);
    for (const pid of children) expect(await isRunning(pid)).toBe(false);
  });

  it("ends the streams that outlast the drain limit with an error frame", async () => {
    const parley = await start({ models: { tiny: slow }, config: { limits: { values: { drainMs: 100 } } } });
    const stream = await sseChat(parley.url, user({ max_tokens: 3000 }));
    await stream.next();
    const rpc = await firstText(parley, "tiny", 3000);
    const rpcError = failureOf(eventsOf(rpc));
    parley.process.kill("SIGTERM");
    const frames = await stream.rest();
    expect(frames).not.toContain("[DONE]");
    expect(JSON.parse(frames.at(-1) ?? "")).toMatchObject({ error: { code: "draining", message: expect.any(String), param: null } });
    expect((await rpcError).code).toBe(Code.Unavailable);
    expect(await parley.ended).toBe(0);
  });

  it("tells those that still wait for their first token by status, over gRPC and REST", async () => {
    const parley = await start({
      models: { tiny: slow },
      modelOptions: { sequences: 1 },
      config: { limits: { values: { drainMs: 100 } } },
    });
    const stream = await sseChat(parley.url, user({ max_tokens: 3000 }));
    await stream.next();
    const rpc = failureOf(eventsOf(chatOf(parley).stream(userRequest("hi", { model: "tiny" }))));
    const unary = failureOf(chatOf(parley).chat(userRequest("hi", { model: "tiny" })));
    const rest = sseChat(parley.url, user());
    await vi.waitFor(async () => expect(await metric(parley, "llm_queue_depth")).toBe(3), 5000);
    parley.process.kill("SIGTERM");
    expect([(await rpc).code, (await unary).code, (await rest).status]).toEqual([Code.Unavailable, Code.Unavailable, 503]);
    expect(await parley.ended).toBe(0);
  });

  it("ends at once when it is told twice", async () => {
    const parley = await start({ models: { tiny: slow } });
    const stream = await sseChat(parley.url, user({ max_tokens: 3000 }));
    await stream.next();
    const children = await parley.children();
    parley.process.kill("SIGTERM");
    await vi.waitFor(() => expect(parley.output()).toContain("draining"));
    parley.process.kill("SIGTERM");
    expect(await parley.ended).toBe(143);
    await vi.waitFor(async () => expect(await isRunning(children[0] ?? 0)).toBe(false), 5000);
  });
});

describe("processes that are killed", () => {
  it("takes its engines with it when the service is", async () => {
    const parley = await start({ models: { tiny: slow } });
    const stream = await sseChat(parley.url, user({ max_tokens: 3000 }));
    await stream.next();
    const [child = 0] = await parley.children();
    expect(await isRunning(child)).toBe(true);
    parley.process.kill("SIGKILL");
    expect(await parley.ended).toBe("SIGKILL");
    await vi.waitFor(async () => expect(await isRunning(child)).toBe(false), 5000);
  });

  it("ends an engine's own streams with UNAVAILABLE, leaves the other model's alone, and serves again by itself", async () => {
    const parley = await start({ models: { tiny: slow, other: slow } });
    const broken = await firstText(parley, "tiny", 3000);
    const [engine = 0] = await parley.children();
    const other = await firstText(parley, "other", 200);
    process.kill(engine, "SIGKILL");
    const error = await failureOf(eventsOf(broken));
    expect(error.code).toBe(Code.Unavailable);
    const rest = await eventsOf(other);
    expect(rest.at(-1)?.event.case).toBe("completed");
    const again = await eventsOf(chatOf(parley).stream(userRequest("hi", { model: "tiny", maxTokens: 4 })));
    expect(textOf(again)).not.toBe("");
    expect(await metric(parley, "llm_engine_restarts_total")).toBeGreaterThan(0);
  });
});

describe("a caller that goes away", () => {
  it("leaves the queue, while the one before it goes on", async () => {
    const parley = await start({ models: { tiny: slow }, modelOptions: { sequences: 1 } });
    const first = await sseChat(parley.url, user({ max_tokens: 500 }));
    await first.next();
    const controller = new AbortController();
    const waiting = fetch(`${parley.url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(user({ max_tokens: 3000 })),
      signal: controller.signal,
    }).catch((error: Error) => error.name);
    await vi.waitFor(async () => expect(await metric(parley, "llm_queue_depth")).toBe(1), 5000);
    controller.abort();
    expect(await waiting).toBe("AbortError");
    await vi.waitFor(async () => expect(await metric(parley, "llm_queue_depth")).toBe(0), 5000);
    expect((await first.rest()).at(-1)).toBe("[DONE]");
  });
});

function chatOf({ url }: ParleyProcess) {
  return createClient(ChatService, createGrpcTransport({ baseUrl: url }));
}

/** A stream over gRPC, from behind its first text on. */
async function firstText(parley: ParleyProcess, model: string, maxTokens: number): Promise<AsyncIterable<ChatEvent>> {
  const events = iterate(chatOf(parley).stream(userRequest("hi", { model, maxTokens })));
  while ((await events.next()).value?.event.case !== "text");
  return { [Symbol.asyncIterator]: () => events };
}

/** The sum of a metric over its labels. */
async function metric(parley: ParleyProcess, name: string): Promise<number> {
  const text = await (await fetch(`${parley.url}/metrics`)).text();
  const values = text.split("\n").filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
  return values.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
}
