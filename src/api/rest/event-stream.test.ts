import { connect } from "node:http2";
import OpenAI from "openai";
import { afterEach, describe, expect, it } from "vitest";
import { FinishReason } from "../../../gen/parley/v1/chat_pb.ts";
import { accepted, finished, started, text } from "../../core/events.ts";
import { fault } from "../../core/reasons.ts";
import { fakeClock } from "../../testing/fake-clock.ts";
import { rawClient } from "../../testing/raw-client.ts";
import { done, openDoors, saying, type TestDoors } from "../../testing/test-doors.ts";

let doors: TestDoors;
afterEach(() => doors.close());

const begun = () => accepted({ id: "chatcmpl-1", model: "tiny", createdMs: 1_700_000_000_000 });

function ask(body: object): Promise<Response> {
  const messages = [{ role: "user", content: "hello" }];
  return fetch(`${doors.url}/v1/chat/completions`, { method: "POST", body: JSON.stringify({ stream: true, messages, ...body }) });
}

describe("a stream over REST", () => {
  it("is written as every client reads it, byte by byte", async () => {
    doors = await openDoors(saying("Hal", "lo"));
    const response = await ask({});
    const served = '"service_tier":null,"system_fingerprint":"test/tiny","moderation":null';
    const chunk = (choice: string) =>
      `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"tiny",${served},"choices":[{"index":0,${choice}}]}\n\n`;
    expect(await response.text()).toBe(
      [
        chunk('"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null'),
        chunk('"delta":{"content":"Hal"},"logprobs":null,"finish_reason":null'),
        chunk('"delta":{"content":"lo"},"logprobs":null,"finish_reason":null'),
        chunk('"delta":{},"logprobs":null,"finish_reason":"stop"'),
        ": parley-served x-parley-provider=test x-parley-model=tiny x-parley-attempts=1 x-parley-retries=0 x-parley-fallback=false\n\n",
        "data: [DONE]\n\n",
      ].join(""),
    );
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-cache, no-transform",
      "x-accel-buffering": "no",
      "x-request-id": expect.stringMatching(/^req_/),
    });
    expect(response.headers.has("content-length")).toBe(false);
    expect(response.headers.has("content-encoding")).toBe(false);
  });

  it("ends with a chunk of the usage when asked, and has null usage before", async () => {
    doors = await openDoors(saying("x"));
    const frames = (await (await ask({ stream_options: { include_usage: true } })).text())
      .trim()
      .split("\n\n")
      .filter((frame) => frame.startsWith("data:"));
    const chunks = frames.slice(0, -1).map((frame) => JSON.parse(frame.slice(6)) as { choices: unknown[]; usage: unknown });
    expect(chunks.map(({ usage }) => usage)).toMatchObject([null, null, null, { prompt_tokens: 3, completion_tokens: 1, total_tokens: 4 }]);
    expect(chunks.at(-1)?.choices).toEqual([]);
  });

  it("sends its headers when the call is accepted, and comments while nothing else is sent", async () => {
    const clock = fakeClock();
    const go = Promise.withResolvers<void>();
    doors = await openDoors(
      async function* slow() {
        yield begun();
        await go.promise;
        yield started("test", "tiny");
        yield finished(0, FinishReason.STOP);
        yield done(0);
      },
      { clock, limits: { keepAliveMs: 1000, bodyMs: 3_600_000 } },
    );
    const body = JSON.stringify({ stream: true, messages: [{ role: "user", content: "x" }] });
    const client = await rawClient(doors.url);
    client.send(`POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
    expect(await client.until(/\r\n\r\n/)).not.toContain("data:");
    clock.advance(999);
    expect(client.text()).not.toContain("keep-alive\n\n");
    clock.advance(1);
    await client.until(/: keep-alive\n\n/);
    clock.advance(2000);
    expect((await client.until(/(: keep-alive\n\n[^:]*){3}/)).match(/^: keep-alive$/gm)).toHaveLength(3);
    go.resolve();
    await client.until(/\[DONE\]/);
    client.socket.destroy();
    await expect.poll(() => clock.pending()).toBe(0);
  });

  it("that nobody reads is looked at no more often than others, and gets no comments", async () => {
    const [clock, stalledReaderMs] = [fakeClock(), 600_000];
    const set: number[] = [];
    const noting = { ...clock, after: (ms: number, callback: () => void) => (set.push(ms), clock.after(ms, callback)) };
    doors = await openDoors(
      async function* endless() {
        yield begun();
        yield started("test", "tiny");
        for (;;) yield text(0, "x".repeat(65_536));
      },
      { clock: noting, limits: { keepAliveMs: 1000, stalledReaderMs, idleStreamMs: 600_000, callMs: 3_600_000, bodyMs: 3_600_000 } },
    );
    const body = JSON.stringify({ stream: true, messages: [{ role: "user", content: "x" }] });
    const client = await rawClient(doors.url);
    client.socket.pause();
    client.send(`POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
    await expect.poll(() => set.includes(stalledReaderMs)).toBe(true);
    set.length = 0;
    clock.advance(10_000);
    expect(set).toEqual(Array.from({ length: 10 }, () => 1000));
    client.socket.destroy();
  });

  it("that ends without its end mark says so in a frame", async () => {
    doors = await openDoors(async function* cutOff() {
      yield begun();
      yield started("test", "tiny");
      yield text(0, "half a sen");
    });
    const frames = (await (await ask({})).text()).trim().split("\n\n");
    expect(JSON.parse(frames.at(-1)!.slice(6))).toMatchObject({ error: { code: "provider_truncated" } });
  });

  it("that fails half-way raises in the OpenAI SDK, which has the words that came before", async () => {
    doors = await openDoors(async function* broken() {
      yield begun();
      yield started("test", "tiny");
      yield text(0, "half");
      throw fault("engine_failed", "the model's process ended");
    });
    const openai = new OpenAI({ baseURL: `${doors.url}/v1`, apiKey: "none" });
    let words = "";
    const read = async () => {
      const messages = [{ role: "user" as const, content: "x" }];
      for await (const chunk of await openai.chat.completions.create({ model: "tiny", messages, stream: true }))
        words += chunk.choices[0]?.delta.content ?? "";
    };
    await expect(read()).rejects.toMatchObject({ code: "engine_failed", message: expect.stringContaining("the model's process ended") });
    expect([words, doors.calls.length]).toEqual(["half", 1]);
  });

  it("leaves the work when the client leaves while the work waits for its reader", async () => {
    const left = Promise.withResolvers<void>();
    doors = await openDoors(async function* endless() {
      try {
        yield begun();
        yield started("test", "tiny");
        for (;;) yield text(0, "x".repeat(50_000));
      } finally {
        left.resolve();
      }
    });
    const session = connect(doors.url);
    const stream = session.request({ ":method": "POST", ":path": "/v1/chat/completions" });
    stream.on("error", () => {});
    stream.end(JSON.stringify({ stream: true, messages: [{ role: "user", content: "x" }] }));
    await new Promise((resolve) => stream.once("response", resolve));
    session.destroy();
    await left.promise;
  });

  it("never splits a character, wherever the bytes are cut", async () => {
    const words = ["Grü", "ße ", "🌍🏽", "日本", "語\u2028"];
    doors = await openDoors(saying(...words));
    const bytes = new Uint8Array(await (await ask({})).arrayBuffer());
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      const decoder = new TextDecoder("utf-8", { fatal: true });
      const joined = decoder.decode(bytes.slice(0, cut), { stream: true }) + decoder.decode(bytes.slice(cut));
      const contents = joined
        .matchAll(/^data: (\{.*\})$/gm)
        .map(([, json]) => (JSON.parse(json!) as { choices: { delta: { content?: string } }[] }).choices[0]?.delta.content ?? "");
      expect([...contents].join("")).toBe(words.join(""));
    }
  });
});
