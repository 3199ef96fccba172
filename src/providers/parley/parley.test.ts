import { create } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ChatRequestSchema } from "../../../gen/parley/v1/chat_pb.ts";
import { EmbedRequestSchema } from "../../../gen/parley/v1/embeddings_pb.ts";
import { RerankRequestSchema } from "../../../gen/parley/v1/rerank_pb.ts";
import { TokenizeRequestSchema, DetokenizeRequestSchema, RenderPromptRequestSchema } from "../../../gen/parley/v1/tokens_pb.ts";
import type { Provider } from "../../core/ports.ts";
import { fieldOf, reasonOf } from "../../core/reasons.ts";
import { only } from "../../core/stream.ts";
import type { Work } from "../../core/work.ts";
import { testContext } from "../../testing/call-context.ts";
import { answerOf, eventsOf, failureOf, outlineOf, textOf, valuesOf } from "../../testing/collect-events.ts";
import { startParleyProcess } from "../../testing/parley-process.ts";
import { testParley } from "../../testing/parley-provider.ts";
import { providerSuite } from "../../testing/provider-suite.ts";
import { userRequest } from "../../testing/sample-request.ts";
import type { SuiteSubject } from "../../testing/suite-subject.ts";
import { startTestServer, type TestServer } from "../../testing/test-server.ts";

const longPrompt = Array.from({ length: 100 }, (_, index) => `word${index}`).join(" ");

providerSuite("for another Parley whose model is echo", () => overEcho((provider) => provider));
providerSuite("for another Parley that is read as it comes", () =>
  overEcho((provider) => ({ ...provider, generate: (request, context) => provider.generate(request, { ...context, isWhole: false }) })),
);

async function overEcho(change: (provider: Provider) => Provider): Promise<SuiteSubject> {
  const other = await startTestServer();
  return {
    provider: change(testParley({ baseUrl: other.url })),
    model: "echo",
    longPrompt,
    impossible: create(ChatRequestSchema, { model: "echo" }),
    tellsProgress: false,
    cleanUp: () => other.close(),
  };
}

describe("a provider for another Parley", () => {
  let other: TestServer;
  let provider: Provider;
  beforeAll(async () => {
    other = await startTestServer({ models: { tiny: {} }, encoders: { encoder: {}, ranker: { ranks: true } } });
    provider = testParley({ baseUrl: `127.0.0.1:${other.port}` });
  });
  afterAll(async () => {
    await provider.close();
    await other.close();
  });

  const isStream = { isWhole: false };
  const ask = (request = userRequest("one two", { model: "echo" }), call = {}) => answerOf(provider, request, call);
  const stream = (request = userRequest("one two", { model: "echo" })) =>
    eventsOf(provider.generate(request, { ...testContext(request), ...isStream }));

  it("says the same whether it is read as it comes or whole", async () => {
    const [streamed, whole] = await Promise.all([stream(), ask()]);
    for (const events of [streamed, whole]) {
      expect(outlineOf(events)).toEqual(["started", "text", "finished", "completed"]);
      expect(textOf(events)).toBe("one two");
      expect(events.every(({ sequence }) => sequence === 0)).toBe(true);
      expect(valuesOf(events, "started")[0]).toMatchObject({ provider: "edge", model: "echo" });
      expect(valuesOf(events, "completed")[0]?.servedBy).toBeUndefined();
    }
    expect(valuesOf(streamed, "completed")[0]?.usage).toEqual(valuesOf(whole, "completed")[0]?.usage);
  });

  it("passes tools, logprobs, several choices and progress on", async () => {
    const request = userRequest("hi", { model: "tiny", maxTokens: 3, choices: 2, topLogprobs: 2, includeProgress: true });
    const events = await stream(request);
    expect(outlineOf(events)[0]).toBe("progress");
    expect(valuesOf(events, "text").flatMap(({ logprobs }) => logprobs)).toHaveLength(6);
    expect(
      valuesOf(events, "finished")
        .map(({ choice }) => choice)
        .toSorted((a, b) => a - b),
    ).toEqual([0, 1]);
    const whole = await ask({ ...request, includeProgress: false });
    expect(valuesOf(whole, "text").flatMap(({ logprobs }) => logprobs)).toHaveLength(6);
  });

  /** The one answer to something that is no chat. */
  const one = <Request, Event>(work: Work<Request, Event> | undefined, request: Request): Promise<Event> => {
    if (work === undefined) throw new Error("it cannot do this");
    return only(work(request, testContext(userRequest("hi"))));
  };

  it("does everything else that the other one does", async () => {
    const inputs = [{ input: { case: "text" as const, value: "the bread" } }];
    const { embeddings } = await one(provider.embed, create(EmbedRequestSchema, { model: "encoder", inputs }));
    expect(embeddings).toHaveLength(1);
    const asked = create(RerankRequestSchema, { model: "ranker", query: "bread", documents: ["the bread", "river"] });
    expect((await one(provider.rerank, asked)).results).toHaveLength(2);
    const { tokenIds } = await one(provider.tokenize, create(TokenizeRequestSchema, { model: "tiny", text: "the bread" }));
    expect((await one(provider.detokenize, create(DetokenizeRequestSchema, { model: "tiny", tokenIds }))).text).toContain("the bread");
    const chat = userRequest("the bread", { model: "tiny" });
    expect((await one(provider.renderPrompt, create(RenderPromptRequestSchema, { chat }))).prompt).toContain("the bread");
  });

  it("lists what the other one can serve, as its own", async () => {
    const models = await provider.listModels(new AbortController().signal);
    expect(models.map(({ id }) => id)).toEqual(expect.arrayContaining(["echo", "tiny", "encoder"]));
    expect(new Set(models.map((model) => model.provider))).toEqual(new Set(["edge"]));
    expect(models.some(({ isDefault }) => isDefault)).toBe(false);
  });

  it("leaves a caller's fault a caller's, names the field, and names itself", async () => {
    for (const events of [stream, ask]) {
      const refused = await failureOf(events(userRequest("hi", { model: "echo", topLogprobs: 1 })));
      expect([reasonOf(refused), fieldOf(refused)]).toEqual(["unsupported_field", "top_logprobs"]);
      const unknown = await failureOf(events(userRequest("hi", { model: "nobody" })));
      expect(reasonOf(unknown)).toBe("model_not_found");
      const long = await failureOf(events(userRequest("a b c ".repeat(4000), { model: "tiny" })));
      expect(reasonOf(long)).toBe("context_length_exceeded");
      expect(long.message).toMatch(/^\[invalid_argument\] edge: /u);
    }
  });

  it("asks for nothing that only concerns this side", async () => {
    const events = await ask(userRequest("hi", { model: "echo", provider: "edge", providerOptions: { other: { x: 1 } } }));
    expect(textOf(events)).toBe("hi");
  });

  it("takes a port where nobody listens for an upstream that is away, at once", async () => {
    const nobody = testParley({ baseUrl: "127.0.0.1:1" });
    for (const isWhole of [true, false]) {
      const request = userRequest("hi", { model: "echo" });
      const error = await failureOf(eventsOf(nobody.generate(request, { ...testContext(request), isWhole })));
      // Where it should have been is for the log alone.
      expect([reasonOf(error), error.rawMessage]).toEqual(["provider_unavailable", "edge could not be connected (ECONNREFUSED)"]);
    }
    await nobody.close();
  });

  it("refuses addresses that gRPC cannot use", () => {
    for (const baseUrl of ["ftp://x", "http://h/v1", "http://u:p@h", "http://h?x=1"])
      expect(() => testParley({ baseUrl })).toThrow(/upstreams\.edge\.baseUrl/u);
    const proxy = { origin: new URL("https://proxy:1"), authorization: undefined };
    expect(() => testParley({ baseUrl: "h:1" }, { proxyFor: () => proxy })).toThrow(/proxies/u);
  });
});

it("a provider for another Parley says that it is gone when its process ends in an answer, and at once when it is asked again", async () => {
  const other = await startParleyProcess({ models: { tiny: {} } });
  const provider = testParley({ baseUrl: other.url });
  const request = userRequest("hi", { model: "tiny", maxTokens: 2000, ignoreEos: true });
  const read = async () => {
    for await (const { event } of provider.generate(request, { ...testContext(request), isWhole: false }))
      if (event.case === "text") other.process.kill("SIGKILL");
  };
  expect(reasonOf(await failureOf(read()))).toBe("provider_unavailable");
  await other.ended;
  expect(reasonOf(await failureOf(answerOf(provider, request)))).toBe("provider_unavailable");
  await provider.close();
  await other.cleanUp();
}, 30_000);
