import type { ChatEvent, ChatRequest } from "../../../gen/parley/v1/chat_pb.ts";
import type { CallContext } from "../../core/context.ts";
import type { Limits } from "../../core/limits.ts";
import type { Clock, Provider } from "../../core/ports.ts";
import type { Secret } from "../../core/secret.ts";
import { throwIfAborted } from "../../core/signals.ts";
import { deferred } from "../../core/stream.ts";
import type { UpstreamSettings } from "../../core/upstreams.ts";
import { AnswerReader, eventsOfAnswer } from "./answer.ts";
import { askOne, type Upstream } from "./call.ts";
import { openChannel, type ProxyAddress } from "./channel.ts";
import { fields, requestFor } from "./fields.ts";
import { listModels } from "./list-models.ts";
import { methods } from "./methods.ts";
import { askStream } from "./stream-call.ts";
import { unaryWork } from "./unary.ts";

/** What providers for another Parley need. */
export interface ParleyProviderOptions {
  readonly settings: UpstreamSettings;
  /** Through what a place is reached; undefined: straight. */
  readonly proxyFor: (origin: URL) => ProxyAddress | undefined;
  readonly limits: Limits;
  readonly clock: Clock;
}

/**
 * The providers of another Parley, asked over gRPC: one a key and at least one, which share a channel. Nothing is retried, and nothing is timed but connecting:
 * the target's layers do the rest. Throws `invalid_request` for an address or a proxy that cannot be used.
 */
export function parleyProviders({ settings, proxyFor, limits, clock }: ParleyProviderOptions): readonly Provider[] {
  const channel = openChannel({ settings, limits, proxyFor });
  const keys: readonly (Secret | undefined)[] = settings.apiKeys.length === 0 ? [undefined] : settings.apiKeys;
  let open = keys.length;
  const release = () => {
    if (--open === 0) channel.close();
  };
  return keys.map((key) => providerOf({ settings, channel, clock, key }, limits, release));
}

function providerOf(upstream: Upstream, limits: Limits, release: () => void): Provider {
  const { settings } = upstream;
  let isClosed = false;
  return {
    ...unaryWork(upstream),
    name: settings.name,
    fields,
    // The contract lets a request say so itself; where the other one's target cannot, it refuses by name and before it starts.
    canContinue: true,
    takesCallerKeys: settings.takesCallerKeys,
    generate: (request, context) => (context.isWhole && !request.includeProgress ? whole : stream)(upstream, request, context),
    listModels: (signal) => listModels(upstream, limits, signal),
    async close() {
      if (isClosed) return;
      isClosed = true;
      release();
    },
  };
}

function stream(upstream: Upstream, asked: ChatRequest, facts: CallContext): AsyncIterable<ChatEvent> {
  const { name } = upstream.settings;
  return askStream(upstream, { method: methods.stream, request: requestFor(name, asked), facts, reader: new AnswerReader(name, asked) });
}

/** One message instead of one a token, where nobody reads before the end. */
function whole(upstream: Upstream, asked: ChatRequest, facts: CallContext): AsyncIterable<ChatEvent> {
  const { name } = upstream.settings;
  return deferred(async () => {
    const answer = await askOne(upstream, methods.chat, { request: requestFor(name, asked), facts });
    return oneByOne(eventsOfAnswer(answer, name, asked), facts.signal);
  });
}

async function* oneByOne<Event>(events: readonly Event[], signal: AbortSignal): AsyncGenerator<Event, void, undefined> {
  for (const event of events) {
    throwIfAborted(signal);
    yield event;
  }
}
