import type { ChatEvent, ChatRequest } from "../../../gen/parley/v1/chat_pb.ts";
import type { EmbedRequest, EmbedResponse } from "../../../gen/parley/v1/embeddings_pb.ts";
import type { Model } from "../../../gen/parley/v1/models_pb.ts";
import type { CallContext } from "../../core/context.ts";
import type { ConnectError } from "@connectrpc/connect";
import { parsedJson } from "../../core/json.ts";
import { limitFault, type Limits } from "../../core/limits.ts";
import type { Clock, Provider } from "../../core/ports.ts";
import { asFault, reasonOf } from "../../core/reasons.ts";
import type { Secret } from "../../core/secret.ts";
import { linkSignal } from "../../core/signals.ts";
import { only } from "../../core/stream.ts";
import type { ProxySettings, UpstreamSettings } from "../../core/upstreams.ts";
import type { Work } from "../../core/work.ts";
import type { AskedUpstream, UpstreamDialect, UpstreamRequest } from "../../dialects/upstream-dialect.ts";
import { parseBaseUrl, type BaseUrl } from "./base-url.ts";
import { connections, type Connections } from "./connections.ts";
import { fits, mediaType, wrongType, type Shape } from "./content-type.ts";
import { decoded } from "./encodings.ts";
import { exchange, type Body, type ResponseHeaders, type Wire } from "./exchange.ts";
import { redirectFault } from "./failures.ts";
import { isCallersKey, json, requestHeaders, type HeaderContext, type RequestHeaders } from "./headers.ts";
import { wayTo } from "./proxy.ts";
import { streamBody } from "./stream-body.ts";
import { errorBody, wholeBody } from "./whole-body.ts";

/** What providers behind HTTP need. */
export interface HttpProviderOptions {
  readonly settings: UpstreamSettings;
  readonly dialect: UpstreamDialect;
  readonly proxy: ProxySettings;
  readonly limits: Limits;
  readonly clock: Clock;
}

/**
 * The providers of one upstream, one a key and at least one, which share its connections. Nothing is retried, no redirect is followed, and nothing is timed but connecting:
 * the target's layers do the rest. Throws `invalid_request` for a base URL, headers or a proxy that cannot be used.
 */
export function httpProviders(options: HttpProviderOptions): readonly Provider[] {
  const { settings, dialect, limits, clock } = options;
  const base = parseBaseUrl(settings);
  const { connectMs } = settings.times;
  const pool = connections({
    way: wayTo(base.origin, options.proxy),
    clock,
    connectMs,
    maxHeaderBytes: limits.maxUpstreamHeaderBytes,
  });
  const keys: readonly (Secret | undefined)[] = settings.apiKeys.length === 0 ? [undefined] : settings.apiKeys;
  let open = keys.length;
  const release = async () => {
    if (--open === 0) await pool.close();
  };
  return keys.map((key) => providerOf({ ...options, base, pool, key, headers: requestHeaders(settings, dialect, key) }, release));
}

/** One upstream with one key. */
interface Upstream extends HttpProviderOptions {
  readonly base: BaseUrl;
  readonly pool: Connections;
  readonly key: Secret | undefined;
  readonly headers: RequestHeaders;
}

function providerOf(upstream: Upstream, release: () => Promise<void>): Provider {
  const { settings, dialect } = upstream;
  let isClosed = false;
  return {
    name: settings.name,
    fields: dialect.fields,
    canContinue: dialect.canContinue,
    takesCallerKeys: settings.takesCallerKeys,
    generate: (request, context) => (context.isWhole ? generateWhole : generateStream)(upstream, request, context),
    ...(dialect.embed !== undefined && { embed: embedWork(upstream, dialect.embed) }),
    listModels: (signal) => listModels(upstream, signal),
    async close() {
      if (isClosed) return;
      isClosed = true;
      await release();
    },
  };
}

function askedOf({ settings, key }: Upstream, model: string, context: HeaderContext): AskedUpstream {
  return { provider: settings.name, model, isCallersKey: isCallersKey(context), key: context.upstreamKey ?? key?.reveal() };
}

function generateStream(upstream: Upstream, request: ChatRequest, context: CallContext): AsyncIterable<ChatEvent> {
  const { dialect, limits } = upstream;
  const asked = askedOf(upstream, request.model, context);
  const { framing } = dialect;
  return ask<ChatEvent>(upstream, {
    context,
    asked,
    shape: framing,
    request: () => dialect.chat(request, { isStream: true }),
    body: (wire) =>
      streamBody({
        framing,
        reader: dialect.reader(request, asked),
        wire,
        provider: asked.provider,
        maxLineBytes: limits.maxUpstreamLineBytes,
      }),
    errorIn: (value) => dialect.whole(value, request, asked),
  });
}

function generateWhole(upstream: Upstream, request: ChatRequest, context: CallContext): AsyncIterable<ChatEvent> {
  const { dialect } = upstream;
  const asked = askedOf(upstream, request.model, context);
  return askWhole<ChatEvent>(upstream, {
    context,
    asked,
    request: () => dialect.chat(request, { isStream: false }),
    parse: dialect.parseWhole,
    read: (value) => dialect.whole(value, request, asked),
  });
}

function embedWork(upstream: Upstream, embed: NonNullable<UpstreamDialect["embed"]>): Work<EmbedRequest, EmbedResponse> {
  return (request, context) => {
    const asked = askedOf(upstream, request.model, context);
    return askWhole<EmbedResponse>(upstream, {
      context,
      asked,
      request: () => embed.ask(request),
      read: (value) => [embed.read(value, request, asked)],
    });
  };
}

async function listModels(upstream: Upstream, outer: AbortSignal): Promise<readonly Model[]> {
  const { settings, dialect, limits, clock } = upstream;
  const { name } = settings;
  const link = linkSignal(outer);
  const cancel = clock.after(limits.listModelsMs, () =>
    link.abort(limitFault("listModelsMs", `${name} did not list its models within ${limits.listModelsMs} ms`, { provider: name })),
  );
  const context = { signal: link.signal, span: undefined, upstreamKey: undefined, hops: 0 };
  const asked = askedOf(upstream, "", context);
  try {
    return await only(
      askWhole(upstream, { context, asked, request: () => dialect.listModels(), read: (value) => [dialect.models(value, name)] }),
    );
  } finally {
    cancel();
    link.release();
  }
}

/** One question to an upstream. */
interface Question<Event> {
  readonly context: HeaderContext & { readonly signal: AbortSignal };
  readonly asked: AskedUpstream;
  request(): UpstreamRequest;
  readonly shape: Shape;
  body(wire: Wire<Event>, headers: ResponseHeaders): Body;
  /** Throws the error that a JSON body holds where a stream was asked for. */
  readonly errorIn?: (value: unknown) => unknown;
}

interface WholeQuestion<Event> extends Pick<Question<Event>, "context" | "asked" | "request"> {
  readonly parse?: UpstreamDialect["parseWhole"];
  readonly read: (value: unknown) => readonly Event[];
}

function askWhole<Event>(
  upstream: Upstream,
  { context, asked, request, read, parse = parsedJson }: WholeQuestion<Event>,
): AsyncIterable<Event> {
  const body = (wire: Wire<Event>, headers: ResponseHeaders) =>
    wholeBody({
      isLengthKnown: headers["content-length"] !== undefined && headers["content-encoding"] === undefined,
      provider: asked.provider,
      maxBytes: upstream.limits.maxUpstreamBodyBytes,
      parse,
      read: (value) => {
        for (const event of read(value)) wire.push(event);
      },
    });
  return ask<Event>(upstream, { context, asked, request, shape: "json", body });
}

const accepts: Readonly<Record<Shape, string>> = { json, sse: "text/event-stream", ndjson: "application/x-ndjson" };

function ask<Event>(upstream: Upstream, question: Question<Event>): AsyncIterable<Event> {
  const { pool, clock, settings, base, headers } = upstream;
  const { context, shape, asked } = question;
  return exchange<Event>({
    connections: pool,
    clock,
    signal: context.signal,
    facts: { provider: settings.name, connectMs: settings.times.connectMs },
    shortestMs: Math.min(settings.times.idleMs, settings.times.wholeMs),
    message() {
      const request = question.request();
      return {
        method: request.method,
        path: base.path(request.path),
        headers: headers.of(request, { accept: accepts[shape], context }),
        body: request.body === undefined ? undefined : JSON.stringify(request.body),
      };
    },
    open: (status, answered, wire) =>
      decoded(bodyOf(upstream, question, { status, answered, wire }), { headers: answered, wire, provider: asked.provider }),
  });
}

interface Answer<Event> {
  readonly status: number;
  readonly answered: ResponseHeaders;
  readonly wire: Wire<Event>;
}

/** What becomes of an answer, by its status and type. */
function bodyOf<Event>({ dialect, clock }: Upstream, question: Question<Event>, { status, answered, wire }: Answer<Event>): Body {
  const { asked, shape } = question;
  if (status >= 300 && status < 400) throw redirectFault(status, answered["location"], asked);
  if (status >= 400) return errorBody((body) => dialect.errorOf({ status, headers: answered, body }, asked, clock.now()), asked.key);
  const type = mediaType(answered["content-type"]);
  if (fits(shape, type)) return question.body(wire, answered);
  const wrong = wrongType(shape, type, asked);
  // Some answer 200 and say in the body that they failed.
  if (question.errorIn === undefined || !fits("json", type)) throw wrong;
  return errorBody((text) => errorInside(text, question, wrong), asked.key);
}

function errorInside<Event>(text: string, { errorIn }: Question<Event>, wrong: ConnectError): ConnectError {
  try {
    errorIn?.(parsedJson(text));
  } catch (error) {
    if (reasonOf(error) !== "provider_malformed") return asFault(error);
  }
  return wrong;
}
