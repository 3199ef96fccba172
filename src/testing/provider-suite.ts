import { Code, ConnectError } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BadRequestSchema, ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { FinishReason, type ChatEvent, type ChatRequest } from "../../gen/parley/v1/chat_pb.ts";
import { UsageSource } from "../../gen/parley/v1/usage_pb.ts";
import { chatKind } from "../core/kinds.ts";
import type { Provider } from "../core/ports.ts";
import { reasonOf } from "../core/reasons.ts";
import { plainStop } from "../core/stops.ts";
import { only } from "../core/stream.ts";
import { testContext } from "./call-context.ts";
import { answerOf, failureOf, iterate, outlineOf, textOf, valuesOf } from "./collect-events.ts";
import { contractPaths } from "./contract-paths.ts";
import { plainTarget } from "./plain-target.ts";
import { cancellationTests } from "./provider-suite-cancel.ts";
import { requestSetting } from "./sample-request.ts";
import { asking, type SuiteSubject } from "./suite-subject.ts";
import { testRouting } from "./test-routing.ts";

/** What every provider must do, as tests. */
export function providerSuite(name: string, make: () => Promise<SuiteSubject>): void {
  describe(`the provider ${name}`, () => {
    let subject: SuiteSubject;
    beforeAll(async () => {
      subject = await make();
    }, 60_000);
    afterAll(async () => {
      await subject.provider.close();
      await subject.cleanUp?.();
    });
    const asks = () => subject;
    streamTests(asks);
    answerTests(asks);
    cancellationTests(asks);
    fieldTests(asks);
  });
}

type Subject = () => SuiteSubject;

function streamTests(subject: Subject): void {
  const ask = (maxTokens: number, more = {}) => asking(subject(), maxTokens, more);

  it("streams started, content, one end a choice, and what it took, in this order", async () => {
    const events = await answerOf(subject().provider, ask(8));
    expect(outlineOf(events)).toEqual(["started", "text", "finished", "completed"]);
    expect(valuesOf(events, "started")).toHaveLength(1);
    expect(textOf(events)).not.toBe("");
  });

  it("ends each of several choices once", async () => {
    if (subject().hasOneChoice === true) return;
    const events = await answerOf(subject().provider, ask(4, { choices: 3 }));
    const ends = valuesOf(events, "finished").map(({ choice }) => choice);
    expect(ends.toSorted((a, b) => a - b)).toEqual([0, 1, 2]);
    expect(valuesOf(events, "started")).toHaveLength(1);
    expect(events.at(-1)?.event.case).toBe("completed");
    for (const choice of [0, 1, 2]) {
      const last = events.findLastIndex(({ event }) => event.case === "text" && event.value.choice === choice);
      const end = events.findIndex(({ event }) => event.case === "finished" && event.value.choice === choice);
      expect(end).toBeGreaterThan(last);
    }
  });

  it("yields started only when the first content is there", async () => {
    const iterator = iterate(subject().provider.generate(ask(8), testContext(ask(8))));
    const first: IteratorResult<ChatEvent> = await iterator.next();
    expect(first.value?.event.case).toBe("started");
    // What is there already is yielded before the event loop turns; what must still be fetched is not.
    const winner = await Promise.race([
      iterator.next().then(() => "content"),
      new Promise((resolve) => setImmediate(resolve, "event loop")),
    ]);
    await iterator.return?.();
    expect(winner).toBe("content");
  });

  it("tells progress when asked, only before started, and not when not asked", async () => {
    expect(valuesOf(await answerOf(subject().provider, ask(2)), "progress")).toEqual([]);
    const events = await answerOf(subject().provider, ask(2, { includeProgress: true }));
    if (subject().tellsProgress) expect(outlineOf(events)[0]).toBe("progress");
    expect(outlineOf(events).filter((kind) => kind !== "progress")).toEqual(["started", "text", "finished", "completed"]);
    expect(outlineOf(events).lastIndexOf("progress")).toBeLessThan(1);
  });
}

function answerTests(subject: Subject): void {
  const ask = (maxTokens: number, more = {}) => asking(subject(), maxTokens, more);

  it("ends honestly: why, and how many tokens it counted itself", async () => {
    const events = await answerOf(subject().provider, ask(3));
    expect(valuesOf(events, "finished").map(({ reason }) => reason)).toEqual([FinishReason.LENGTH]);
    const [end] = valuesOf(events, "completed");
    expect(end?.usage).toMatchObject({ completionTokens: 3, source: UsageSource.PROVIDER });
    expect(end?.usage?.promptTokens).toBeGreaterThan(0);
  });

  it("counts a prompt's tokens as it bills them", async () => {
    const { provider } = subject();
    if (provider.countTokens === undefined) return;
    const chat = ask(1);
    const counted = await only(provider.countTokens({ $typeName: "parley.v1.CountTokensRequest", chat }, testContext(chat)));
    const [end] = valuesOf(await answerOf(provider, chat), "completed");
    expect(counted.promptTokens).toBe(end?.usage?.promptTokens);
  });

  it("does not mix calls that run at once", async () => {
    const lengths = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
    const answers = await Promise.all(lengths.map((length) => answerOf(subject().provider, ask(length))));
    expect(answers.map((events) => valuesOf(events, "completed")[0]?.usage?.completionTokens)).toEqual(lengths);
    for (const events of answers) expect(outlineOf(events)).toEqual(["started", "text", "finished", "completed"]);
  });

  it("does not change the request", async () => {
    const request = ask(2);
    const before = JSON.stringify(request);
    await answerOf(subject().provider, request);
    expect(JSON.stringify(request)).toBe(before);
  });

  it("lists the model it serves", async () => {
    const models = await subject().provider.listModels(new AbortController().signal);
    expect(models.map(({ id }) => id)).toContain(subject().model);
  });

  it("throws faults with a reason, and before it has started", async () => {
    const error = await failureOf(answerOf(subject().provider, subject().impossible));
    expect(error.findDetails(ErrorInfoSchema)).toHaveLength(1);
    expect(reasonOf(error)).not.toBe("internal");
  });
}

function fieldTests(subject: Subject): void {
  it("refuses every field of its table that it refuses, by name", async () => {
    const { provider } = subject();
    for (const path of contractPaths(provider.fields, "refused")) {
      const error = refusalOf(provider, requestSetting(path));
      const named = error.findDetails(BadRequestSchema).flatMap(({ fieldViolations }) => fieldViolations.map(({ field }) => field));
      const places = named.map((place) => place.replaceAll(/\[\d+\]/gu, ""));
      expect([error.code, reasonOf(error)]).toEqual([Code.InvalidArgument, "unsupported_field"]);
      expect(
        places.some((place) => path === place || path.startsWith(`${place}.`)),
        `${path} in ${places.join()}`,
      ).toBe(true);
    }
  });
}

/** What the route answers for a request that asks for what the provider cannot do. */
function refusalOf(provider: Provider, request: ChatRequest): ConnectError {
  const target = plainTarget({ provider: provider.name, model: "m", fields: provider.fields, workOf: (kind) => kind.workOf(provider) });
  const generate = testRouting({ stops: [plainStop(target)] }).route(chatKind);
  try {
    generate(request, testContext(request));
  } catch (error) {
    if (error instanceof ConnectError) return error;
    throw error;
  }
  throw new Error(`${provider.name} refuses nothing of ${JSON.stringify(request)}`);
}
