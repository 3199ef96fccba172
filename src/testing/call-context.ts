import { trace } from "@opentelemetry/api";
import type { ChatRequest } from "../../gen/parley/v1/chat_pb.ts";
import { systemClock } from "../core/clock.ts";
import { anonymous, callContext, callRecord, type Call, type CallContext } from "../core/context.ts";
import { chatKind } from "../core/kinds.ts";

/** A call as a door makes it, for tests that begin behind the doors; `given` says what matters to the test. */
export function testCall(given: Partial<Call> = {}): Call {
  return {
    requestId: "request-1",
    procedure: "parley.v1.ChatService/Stream",
    protocol: "grpc",
    caller: anonymous(true),
    startedMs: systemClock.now(),
    deadlineMs: undefined,
    signal: new AbortController().signal,
    span: trace.getTracer("test").startSpan("test"),
    upstreamKey: undefined,
    hops: 0,
    idempotencyKey: undefined,
    record: callRecord(),
    ...given,
  };
}

/** The context of a chat request. */
export function testContext(request: ChatRequest, given: Partial<Call> = {}): CallContext {
  return callContext(testCall(given), chatKind, request);
}
