import { Code } from "@connectrpc/connect";
import { expect, it } from "vitest";
import type { ChatEvent, ChatRequest } from "../../gen/parley/v1/chat_pb.ts";
import type { Provider } from "../core/ports.ts";
import { fault, reasonOf } from "../core/reasons.ts";
import { testContext } from "./call-context.ts";
import { answerOf, eventsOf, failureOf, iterate, outlineOf } from "./collect-events.ts";
import { asking, type SuiteSubject } from "./suite-subject.ts";

/** A caller that goes away, in every phase. */
export function cancellationTests(subject: () => SuiteSubject): void {
  /** A call whose caller can go. */
  const open = (signal: AbortSignal) => {
    const request = asking(subject(), 64);
    return subject().provider.generate(request, testContext(request, { signal }));
  };
  const long = () => asking(subject(), 64);

  it("yields nothing to a caller that has gone before it begins", async () => {
    const error = await failureOf(answerOf(subject().provider, long(), { signal: AbortSignal.abort() }));
    expect(reasonOf(error)).toBe("caller_gone");
  });

  it("ends when the caller goes before the first event", async () => {
    const controller = new AbortController();
    const iterator = iterate(open(controller.signal));
    const first = iterator.next();
    controller.abort();
    const error = await failureOf(first.then(() => drain(iterator)));
    expect(reasonOf(error)).toBe("caller_gone");
  });

  it("ends when the caller goes during the stream", async () => {
    const controller = new AbortController();
    const error = await failureOf(
      (async () => {
        for await (const { event } of open(controller.signal)) if (event.case === "text") controller.abort();
      })(),
    );
    expect(reasonOf(error)).toBe("caller_gone");
  });

  it("says why it ended when a limit ended it", async () => {
    const controller = new AbortController();
    const iterator = iterate(open(controller.signal));
    await iterator.next();
    controller.abort(fault("time_limit", "the call took longer than limits.callMs", { metadata: { limit: "callMs" } }));
    const error = await failureOf(drain(iterator));
    expect([error.code, reasonOf(error)]).toEqual([Code.DeadlineExceeded, "time_limit"]);
  });

  it("frees what a stream held when its reader leaves, however many do", async () => {
    for (let round = 0; round < 3; round++) await Promise.all(Array.from({ length: 16 }, () => leaveEarly(subject().provider, long())));
    const events = await answerOf(subject().provider, long());
    expect(events.at(-1)?.event.case).toBe("completed");
  });

  it("goes on with the other calls when one is cancelled", async () => {
    const controller = new AbortController();
    const stays = answerOf(subject().provider, long());
    const goes = answerOf(subject().provider, long(), { signal: controller.signal });
    controller.abort();
    await failureOf(goes);
    expect(outlineOf(await stays)).toEqual(["started", "text", "finished", "completed"]);
  });
}

async function drain(iterator: AsyncIterator<ChatEvent>): Promise<void> {
  await eventsOf({ [Symbol.asyncIterator]: () => iterator });
}

async function leaveEarly(provider: Provider, request: ChatRequest): Promise<void> {
  for await (const { event } of provider.generate(request, testContext(request))) if (event.case === "text") return;
}
