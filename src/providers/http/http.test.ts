import { create } from "@bufbuild/protobuf";
import { propagation, trace, TraceFlags } from "@opentelemetry/api";
import { describe, expect, it } from "vitest";
import { EmbedRequestSchema, EmbedResponseSchema } from "../../../gen/parley/v1/embeddings_pb.ts";
import { openaiDialect } from "../../dialects/openai/upstream/dialect.ts";
import type { UpstreamDialect } from "../../dialects/upstream-dialect.ts";
import { defaultLimits } from "../../core/limits.ts";
import { reasonOf } from "../../core/reasons.ts";
import { Secret } from "../../core/secret.ts";
import { isUnsent } from "../../core/unsent.ts";
import { only } from "../../core/stream.ts";
import { eventsOf, failureOf, outlineOf, textOf, valuesOf } from "../../testing/collect-events.ts";
import { chatRequest, openProviders, streaming, whole } from "../../testing/http-provider.ts";
import { requestSetting } from "../../testing/sample-request.ts";

function raise(what: string): never {
  throw new Error(what);
}

/** Resolves when it holds, and looks at each turn of the event loop. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
}

/** A propagator as an SDK installs it, for as long as the work takes. */
async function withW3C<Value>(work: () => Promise<Value>): Promise<Value> {
  propagation.setGlobalPropagator({
    inject(context, carrier, setter) {
      const { traceId, spanId, traceFlags } = trace.getSpanContext(context) ?? raise("no span");
      setter.set(carrier, "traceparent", `00-${traceId}-${spanId}-0${traceFlags}`);
    },
    extract: (context) => context,
    fields: () => ["traceparent"],
  });
  try {
    return await work();
  } finally {
    propagation.disable();
  }
}

describe("a provider behind HTTP", () => {
  it("streams an answer as it comes", async () => {
    const gate = Promise.withResolvers<void>();
    const { provider } = await openProviders({
      upstream: { turns: [{ beforeFrame: (index) => (index === 2 ? gate.promise : undefined) }] },
    });
    const events = provider.generate(chatRequest, streaming())[Symbol.asyncIterator]();
    expect((await events.next()).value?.event.case).toBe("started");
    expect((await events.next()).value?.event.value).toMatchObject({ text: "one" });
    gate.resolve();
    const rest = await eventsOf({ [Symbol.asyncIterator]: () => events });
    expect(outlineOf(rest)).toEqual(["text", "finished", "completed"]);
    expect(textOf(rest)).toBe(" two three");
  });

  it("asks for a whole answer where the caller reads nothing before its end", async () => {
    const { upstream, provider } = await openProviders();
    const events = await eventsOf(provider.generate(chatRequest, whole()));
    expect(outlineOf(events)).toEqual(["started", "text", "finished", "completed"]);
    expect(textOf(events)).toBe("one two three");
    expect(upstream.requests[0]?.body["stream"] ?? false).toBe(false);
  });

  it("shares connections, and uses one again after each answer that came to its end", async () => {
    const { upstream, providers } = await openProviders({ apiKeys: [new Secret("a"), new Secret("b")] });
    for (const provider of providers) {
      await eventsOf(provider.generate(chatRequest, streaming()));
      await eventsOf(provider.generate(chatRequest, whole()));
    }
    expect(upstream.connections.opened).toBe(1);
    expect(upstream.requests.map(({ key }) => key)).toEqual(["a", "a", "b", "b"]);
  });

  it("opens as many connections as there are calls at once", async () => {
    const { upstream, provider } = await openProviders();
    const answers = await Promise.all(Array.from({ length: 20 }, () => eventsOf(provider.generate(chatRequest, streaming()))));
    expect(new Set(answers.map((events) => textOf(events)))).toEqual(new Set(["one two three"]));
    expect(upstream.connections.opened).toBe(20);
  });

  it("says who asks, what for, and what the operator adds", async () => {
    const { upstream, provider } = await openProviders({ headers: { "X-Organization": "org-1" } });
    await eventsOf(provider.generate(chatRequest, streaming()));
    await eventsOf(provider.generate(chatRequest, whole()));
    const [streamed, asked] = upstream.requests;
    expect(streamed?.headers).toMatchObject({
      authorization: "Bearer sk-operator-1",
      "user-agent": "parley",
      accept: "text/event-stream",
      "accept-encoding": "identity",
      "content-type": "application/json",
      "x-organization": "org-1",
    });
    expect(asked?.headers).toMatchObject({ accept: "application/json", "accept-encoding": "gzip, deflate, br, zstd" });
  });

  it.each(["Authorization", "host", "content-length", "transfer-encoding", "x y"])(
    "refuses to send the header %s for everybody",
    async (name) => {
      const error = await failureOf(openProviders({ headers: { [name]: "sk-secret" } }));
      expect(reasonOf(error)).toBe("invalid_request");
      expect(error.message).not.toContain("sk-secret");
    },
  );

  it("hands the trace on", async () => {
    const { upstream, provider } = await openProviders();
    const traceId = "0af7651916cd43dd8448eb211c80319c";
    const span = trace.wrapSpanContext({ traceId, spanId: "b7ad6b7169203331", traceFlags: TraceFlags.SAMPLED });
    await withW3C(() => eventsOf(provider.generate(chatRequest, streaming({ span }))));
    expect(upstream.requests[0]?.headers["traceparent"]).toBe(`00-${traceId}-b7ad6b7169203331-01`);
  });

  it("makes an event of no keep-alive comment, and none of blank lines before an answer", async () => {
    const { upstream, provider } = await openProviders({ upstream: { turns: [{ prefix: ": wait\n\n", between: ": still\n\n" }] } });
    expect(textOf(await eventsOf(provider.generate(chatRequest, streaming())))).toBe("one two three");
    upstream.script({ prefix: "\n\n  \n" });
    expect(textOf(await eventsOf(provider.generate(chatRequest, whole())))).toBe("one two three");
  });

  it("joins characters that were cut apart", async () => {
    const text = ["zwölf", " Boxkämpfer", " 😀", " jagen", " 維"];
    const { provider } = await openProviders({ upstream: { turns: [{ isDripped: true, answer: { text } }] } });
    expect(textOf(await eventsOf(provider.generate(chatRequest, streaming())))).toBe(text.join(""));
  });

  it("refuses before anything is sent what cannot be asked for", async () => {
    const { upstream, provider } = await openProviders();
    const request = { ...requestSetting("messages.parts.tool_result.tool_call_id"), model: "m" };
    await failureOf(eventsOf(provider.generate(request, streaming())));
    expect(upstream.connections.opened).toBe(0);
  });

  it("makes vectors where its dialect can", async () => {
    const dialect: UpstreamDialect = {
      ...openaiDialect({ kind: "openai", quirks: {} }),
      embed: {
        ask: ({ model }) => ({ method: "POST", path: "/embeddings", body: { model, input: ["a"] }, headers: {} }),
        read: (body) => create(EmbedResponseSchema, { model: JSON.stringify(body) }),
      },
    };
    const { provider } = await openProviders({ options: { dialect } });
    const answer = provider.embed?.(create(EmbedRequestSchema, { model: "m" }), whole());
    expect((await only(answer ?? raise("no vectors"))).model).toContain("embedding");
  });

  it("lists models, in time or not at all", async () => {
    const { upstream, provider } = await openProviders({
      upstream: { ids: ["m", "n"] },
      options: { limits: { ...defaultLimits, listModelsMs: 50 } },
    });
    expect((await provider.listModels(new AbortController().signal)).map(({ id }) => id)).toEqual(["m", "n"]);
    const silent = await openProviders({
      upstream: { listing: { fault: { is: "no-headers" } } },
      options: { limits: { ...defaultLimits, listModelsMs: 50 } },
    });
    const error = await failureOf(silent.provider.listModels(new AbortController().signal));
    expect(reasonOf(error)).toBe("provider_timeout");
    expect(upstream.listings).toHaveLength(1);
  });

  it("closes its connections when all of its providers are closed", async () => {
    const { upstream, providers } = await openProviders({ apiKeys: [new Secret("a"), new Secret("b")] });
    const [first, second] = providers;
    if (first === undefined || second === undefined) throw new Error("two providers");
    await eventsOf(first.generate(chatRequest, streaming()));
    await first.close();
    await first.close();
    expect(valuesOf(await eventsOf(second.generate(chatRequest, streaming())), "completed")).toHaveLength(1);
    await second.close();
    await until(() => upstream.connections.open === 0);
  });
});

it("a request that its format cannot say is refused before anything is sent, and is marked so", async () => {
  const { upstream, provider } = await openProviders();
  const dialect: UpstreamDialect = { ...openaiDialect({ kind: "openai", quirks: {} }), chat: () => raise("cannot be said") };
  const { provider: mute } = await openProviders({ options: { dialect } });
  const error: unknown = await eventsOf(mute.generate(chatRequest, streaming())).catch((thrown: unknown) => thrown);
  expect(isUnsent(error)).toBe(true);
  await upstream.close();
  const gone: unknown = await eventsOf(provider.generate(chatRequest, streaming())).catch((thrown: unknown) => thrown);
  expect(isUnsent(gone)).toBe(false);
});

it("a request says how many gateways it comes through, this one included", async () => {
  const { upstream, provider } = await openProviders();
  for (const hops of [0, 3, 0]) await eventsOf(provider.generate(chatRequest, streaming({ hops })));
  expect(upstream.requests.map(({ headers }) => headers["x-parley-hops"])).toEqual(["1", "4", "1"]);
});

describe("a caller's own key", () => {
  const callers = { upstreamKey: "sk-caller" };

  it("goes in place of the operator's where that is allowed", async () => {
    const { upstream, provider } = await openProviders({ takesCallerKeys: true, upstream: { keys: ["sk-caller"] } });
    await eventsOf(provider.generate(chatRequest, streaming(callers)));
    expect(upstream.requests[0]?.key).toBe("sk-caller");
  });

  it("is refused, by the name of its header, where it is not", async () => {
    const { upstream, provider } = await openProviders();
    const error = await failureOf(eventsOf(provider.generate(chatRequest, streaming(callers))));
    expect(reasonOf(error)).toBe("permission_denied");
    expect(error.rawMessage).toContain("x-parley-upstream-key");
    expect(upstream.connections.opened).toBe(0);
  });

  it("is the caller's to mend when the upstream refuses it", async () => {
    const { provider } = await openProviders({ takesCallerKeys: true, upstream: { keys: ["another"] } });
    const error = await failureOf(eventsOf(provider.generate(chatRequest, streaming(callers))));
    expect(reasonOf(error)).toBe("unauthenticated");
    const own = await failureOf(eventsOf(provider.generate(chatRequest, streaming())));
    expect(reasonOf(own)).toBe("provider_credentials");
  });

  it("is no key where no header can carry it", async () => {
    const { provider } = await openProviders({ takesCallerKeys: true });
    const error = await failureOf(eventsOf(provider.generate(chatRequest, streaming({ upstreamKey: "a\r\nhost: b" }))));
    expect(reasonOf(error)).toBe("unauthenticated");
    expect(error.rawMessage).not.toContain("host");
  });
});
