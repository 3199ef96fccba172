import { describe, expect, it } from "vitest";
import { create } from "@bufbuild/protobuf";
import { CountTokensRequestSchema, CountTokensResponseSchema } from "../../gen/parley/v1/tokens_pb.ts";
import type { ChatEvent, ChatRequest } from "../../gen/parley/v1/chat_pb.ts";
import { UsageSource } from "../../gen/parley/v1/usage_pb.ts";
import { completed, reasoning, started, text, toolCall } from "../core/events.ts";
import { chatKind } from "../core/kinds.ts";
import { fault, type Reason } from "../core/reasons.ts";
import { beaten } from "../core/signals.ts";
import type { AttemptRecord } from "../core/books.ts";
import { countTokensKind } from "../core/unary-kinds.ts";
import type { Call } from "../core/context.ts";
import type { Work } from "../core/work.ts";
import { testContext } from "../testing/call-context.ts";
import { eventsOf, iterate } from "../testing/collect-events.ts";
import { fakeClock } from "../testing/fake-clock.ts";
import { userRequest } from "../testing/sample-request.ts";
import { script } from "../testing/script.ts";
import { asked } from "./asked.ts";
import { ledger, type LedgerOptions } from "./ledger.ts";

const price = { prompt: 1, completion: 2, cached: 0.5, cacheWrite: 1 };
// 12 characters and the frame of a message: 7 tokens by estimate
const request = userRequest("twelve chars");
const usage = { $typeName: "parley.v1.Usage" as const, promptTokens: 100, completionTokens: 10, source: UsageSource.PROVIDER };

/** An attempt in a test's hand. */
interface Played {
  readonly give: (event: ChatEvent) => Promise<void>;
  readonly end: (error?: Error) => Promise<void>;
  readonly leave: () => Promise<void>;
  readonly wait: (ms: number) => void;
}

type Given = Partial<LedgerOptions> & { readonly call?: Partial<Call>; readonly reaches?: boolean };

/** Plays one attempt: what the books have of it. */
async function recordOf(
  play: (attempt: Played) => Promise<void>,
  { call = {}, reaches = true, ...given }: Given = {},
): Promise<AttemptRecord | undefined> {
  const records: AttemptRecord[] = [];
  const clock = fakeClock();
  const inner = script<ChatRequest, ChatEvent>();
  const options: LedgerOptions = {
    ...{ clock, ledger: { record: (each) => records.push(each) }, provider: "p", model: "m", key: 2, takesCallerKeys: false },
    ...{ policy: "estimate", price, priceVersion: "v1", ...given },
  };
  const work: Work<ChatRequest, ChatEvent> = reaches ? asked(inner.work, chatKind) : inner.work;
  const context = testContext(request, call);
  context.record.attempts = 3;
  const events = iterate(ledger(options)(work, chatKind)(request, context));
  const read = () =>
    events.next().then(
      () => {},
      () => {},
    );
  let reading = read();
  const played = await inner.next();
  await play({
    async give(event) {
      played.give(event);
      await reading;
      reading = read();
    },
    async end(error) {
      played.end(error);
      await reading;
    },
    async leave() {
      const leaving = events.return?.();
      played.end();
      await leaving;
    },
    wait: (ms) => clock.advance(ms),
  });
  expect(records).toHaveLength(1);
  return records[0];
}

describe("an attempt that came to its end", () => {
  it("is recorded with what the upstream counted, what that cost, and how long it took", async () => {
    const record = await recordOf(async ({ give, end, wait }) => {
      await give(started("p", "m"));
      wait(40);
      await give(text(0, "words"));
      wait(60);
      await give(completed({ usage: { ...usage, cachedTokens: 20 } }));
      await end();
    });
    expect(record).toEqual({
      ...{ requestId: "request-1", operation: "chat", tenant: "anonymous", keyId: "", provider: "p", model: "m", key: 2, attempt: 3 },
      ...{ isCallersKey: false, outcome: "ok", usage: { ...usage, cachedTokens: 20 }, cost: (80 + 10 + 20) / 1e6, priceVersion: "v1" },
      ...{ durationMs: 100, firstContentMs: 40 },
    });
  });

  it("is recorded with an estimate where nobody counted", async () => {
    const record = await recordOf(async ({ give, end }) => {
      for (const event of [started("p", "m"), reasoning(0, "1234"), text(0, "1234"), completed({})]) await give(event);
      await end();
    });
    expect(record?.usage).toMatchObject({ promptTokens: 7, completionTokens: 2, source: UsageSource.ESTIMATED });
  });

  it("names no key of the operator's where the caller brought one, and no cost where no price is known", async () => {
    const given = { takesCallerKeys: true, price: undefined, call: { upstreamKey: "sk-callers" } };
    const record = await recordOf(({ end }) => end(), given);
    expect(record).toMatchObject({ key: 0, isCallersKey: true, cost: undefined });
    expect(JSON.stringify(record)).not.toContain("sk-callers");
    expect(await recordOf(({ end }) => end(), { call: { upstreamKey: "sk" } })).toMatchObject({ key: 2, isCallersKey: false });
  });

  it("of other work has what its answer tells, and no estimate", async () => {
    const records: AttemptRecord[] = [];
    const options = {
      clock: fakeClock(),
      ledger: { record: (each: AttemptRecord) => records.push(each) },
      provider: "p",
      model: "m",
      key: 0,
    };
    const layer = ledger({ ...options, takesCallerKeys: false, policy: "estimate", price, priceVersion: "" });
    const work = async function* () {
      yield create(CountTokensResponseSchema, { promptTokens: 3 });
    };
    await eventsOf(layer(work, countTokensKind)(create(CountTokensRequestSchema, { chat: request }), testContext(request)));
    expect(records).toEqual([expect.objectContaining({ operation: "count_tokens", outcome: "ok", usage: undefined, cost: undefined })]);
  });
});

describe("an attempt that was cut off", () => {
  const partial = { promptTokens: 7, completionTokens: 3, source: UsageSource.PARTIAL };
  const words = [started("p", "m"), text(0, "12345"), toolCall({ choice: 0, index: 0, name: "f", arguments: "123456" })];

  it.each<[Reason, string]>([
    ["provider_truncated", "provider_truncated"],
    ["caller_gone", "left"],
    ["deadline_exceeded", "deadline_exceeded"],
  ])("by %s is recorded as %s, with what was sent of it at least", async (reason, outcome) => {
    const cut = async ({ give, end }: Played) => {
      for (const event of words) await give(event);
      await end(fault(reason, "cut"));
    };
    expect(await recordOf(cut)).toMatchObject({ outcome, usage: partial, cost: 13 / 1e6 });
    expect(await recordOf(cut, { policy: "none" })).toMatchObject({ outcome, usage: undefined, cost: undefined });
  });

  it("by a consumer that left is `left`, and `lost` where another attempt has beaten it", async () => {
    const cut = async ({ give, leave }: Played) => {
      for (const event of words) await give(event);
      await leave();
    };
    expect(await recordOf(cut)).toMatchObject({ outcome: "left", usage: partial });
    expect(await recordOf(cut, { call: { signal: AbortSignal.abort(beaten) } })).toMatchObject({ outcome: "lost" });
  });

  it.each<[string, { readonly reason: Reason; readonly reaches?: boolean; readonly hasUsage?: boolean }]>([
    ["a refusal costs nothing", { reason: "provider_error" }],
    ["a connection that failed costs nothing", { reason: "provider_unavailable" }],
    ["a target that stayed silent has read the prompt", { reason: "provider_timeout", hasUsage: true }],
    ["one whose caller left has read the prompt", { reason: "caller_gone", hasUsage: true }],
    ["one that waited in a queue has read nothing", { reason: "caller_gone", reaches: false }],
    ["one that a full queue refused has read nothing", { reason: "queue_full", reaches: false }],
  ])("before its first content: %s", async (_, { reason, reaches = true, hasUsage = false }) => {
    const record = await recordOf(({ end }) => end(fault(reason, "no")), { reaches });
    const prompt = { promptTokens: 7, completionTokens: 0, source: UsageSource.PARTIAL };
    if (hasUsage) expect(record?.usage).toMatchObject(prompt);
    else expect([record?.usage, record?.cost]).toEqual([undefined, undefined]);
  });
});
