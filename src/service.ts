import type { ConnectRouter } from "@connectrpc/connect";
import { listen } from "./api/listen.ts";
import { serviceNames } from "./api/rpc/services.ts";
import type { TlsSettings } from "./api/tls-front.ts";
import type { LoadedConfig } from "./config.ts";
import { systemClock } from "./core/clock.ts";
import { healthBoard } from "./routing/health-board.ts";
import { chatKind, chatOnly } from "./core/kinds.ts";
import type { Clock, Library, Log, Provider, Service } from "./core/ports.ts";
import { chargesBy } from "./core/prices.ts";
import { randomId } from "./core/random-id.ts";
import type { Reason } from "./core/reasons.ts";
import * as unary from "./core/unary-kinds.ts";
import type { Target } from "./core/targets.ts";
import { compose, type Kind, type Layer, type Work } from "./core/work.ts";
import { accept } from "./layers/accept.ts";
import { authorizeModel } from "./layers/authorize-model.ts";
import { estimatedCount } from "./layers/estimated-count.ts";
import { knowNames } from "./layers/know-names.ts";
import { leftReads } from "./layers/left-reads.ts";
import { observe } from "./layers/observe.ts";
import { mediaFetcher } from "./layers/media/fetcher.ts";
import { fetchMedia } from "./layers/media/media.ts";
import { prepare } from "./layers/prepare.ts";
import { sequence } from "./layers/sequence.ts";
import { severalChats } from "./layers/several-chats.ts";
import { validate } from "./layers/validate.ts";
import { keyTokens } from "./layers/key-tokens.ts";
import { serviceTls } from "./service-tls.ts";
import { openServiceKeys, warnOfOpenDoors } from "./service-keys.ts";
import { checkParameters } from "./service-check.ts";
import { localProvider, openModelLibrary } from "./service-library.ts";
import { defaultParameters, targetMaker, type Parts } from "./service-targets.ts";
import { openUpstreams, type Upstream } from "./service-upstreams.ts";
import { echo } from "./providers/echo.ts";
import { directory, type Directory } from "./routing/naming/directory.ts";
import { models } from "./routing/managing/models.ts";
import { providerList } from "./routing/managing/provider-list.ts";
import { remoteModels, type RemoteModels } from "./routing/naming/remote-models.ts";
import { standIns } from "./routing/naming/stand-ins.ts";
import { readiness } from "./routing/readiness.ts";
import { routing, type Routing } from "./routing/asking/route.ts";
import { openLog } from "./telemetry/log.ts";
import { createMetrics } from "./telemetry/metrics.ts";
import { startTracing } from "./telemetry/start-tracing.ts";

/** What a program that embeds Parley may bring. */
export interface ServerOptions {
  readonly clock?: Clock;
  /** Default: JSON lines on standard error, and in the configured file. */
  readonly log?: Log;
  /** Services of the program's own, mounted beside Parley's behind the same listener and interceptors. */
  readonly routes?: (router: ConnectRouter) => void;
  /** Whether errors of RPCs carry our details beside their code and message; default true. */
  readonly errorDetails?: boolean;
  /** Default: by the files of the configuration, which are followed; else without TLS. */
  readonly tls?: TlsSettings | undefined;
}

/** A running service. */
export interface ParleyServer {
  /** Where it answers, such as `http://127.0.0.1:8080`. */
  readonly urls: readonly string[];
  /** Where probes and metrics answer too; empty where they have no port of their own. */
  readonly adminUrls: readonly string[];
  readonly host: string;
  readonly port: number;
  readonly service: Service;
  /** Name of the model that answers when none is named; undefined when there is none. */
  defaultModel(): string | undefined;
  /** Resolves with the GPU that computes local models, or that there is none, for people, once the first of them has found out; never when none is loaded. */
  readonly gpu: Promise<string>;
  /** Stops accepting, lets running calls finish within `limits.drainMs`, ends the rest with an error, and frees everything. */
  drain(): Promise<void>;
  /** Ends everything at once. */
  close(): Promise<void>;
}

/** What metrics are told of a call that no layer saw. */
const nothingDone = { target: undefined, firstTokenMs: undefined, inferenceMs: undefined, usage: undefined, cost: undefined };

/**
 * Builds the service from a configuration and starts it. The default model is loaded in the background; `service.health` says when it is there.
 * Throws `invalid_request` when the port, the log file or the model folder cannot be used.
 */
export async function startServer(loaded: LoadedConfig, options: ServerOptions = {}): Promise<ParleyServer> {
  const { settings, limits } = loaded;
  const clock = options.clock ?? systemClock;
  await using opened = new AsyncDisposableStack(); // freed in reverse, also where the start fails half way
  const log = options.log ?? opened.adopt(openLog({ level: settings.logLevel, file: settings.logFile }), (own) => own.close());
  const parts: Parts = { loaded, log, clock, metrics: createMetrics(), reads: leftReads() };
  opened.defer(await beginTracing(loaded));
  const library = opened.adopt(await openModelLibrary(loaded, log, clock), (open) => open.close());
  const { service, board, names, begin, gpu } = opened.adopt(serviceOf(parts, library), (backend) => backend.close());
  const { host, hosts, port, morePorts, corsOrigins, reflection, openai } = settings;
  const metricsText = settings.metrics ? () => parts.metrics.text() : undefined;
  const refused = (status: Reason, durationMs: number) => parts.metrics.ended({ ...nothingDone, status, durationMs });
  const keys = opened.adopt(await openServiceKeys(loaded, parts), (ring) => ring.close());
  const locks = { keys, isOpen: settings.open, areMetricsOpen: settings.openMetrics };
  const doors = { service, limits, clock, log, host, hosts, corsOrigins, reflection, openai, refused, metricsText };
  const { errorDetails = true, routes } = options;
  const tls = serviceTls(parts, options.tls);
  const listener = await listen({ ...doors, ...locks, port, morePorts, routes, errorDetails, tls: tls.settings });
  opened.defer(() => listener.close()); // where the next one cannot be bound
  opened.defer(await tls.follow(listener));
  const { adminPort } = settings;
  const admin = adminPort === undefined ? undefined : await listen({ ...doors, port: adminPort, areProbesAlone: true });
  opened.defer(async () => admin?.close());
  warnOfOpenDoors(loaded, keys, log);
  begin();
  const resources = opened.move();
  return {
    urls: listener.urls,
    adminUrls: admin?.urls ?? [],
    host: listener.host,
    port: listener.port,
    service,
    defaultModel: () => names.defaultModel(),
    gpu,
    async drain() {
      board.drain(); // first, so that load balancers look elsewhere
      await listener.drain();
      await resources.disposeAsync();
    },
    async close() {
      board.drain();
      await listener.close();
      await resources.disposeAsync();
    },
  };
}

/** Everything behind the doors. */
function serviceOf(parts: Parts, library: Library) {
  const { settings, limits } = parts.loaded;
  const { log } = parts;
  checkParameters(parts.loaded);
  const upstreams = openUpstreams(parts);
  const providers = { local: localProvider(parts, library), echo: echo() };
  const { clock, metrics } = parts;
  const remote = remoteModels({ upstreams, clock, log, limits });
  const names = nameDirectory(parts, library, { ...providers, upstreams, remote, forget: (target) => routes.health.forget(target) });
  const board = healthBoard(serviceNames);
  const routes = routing({ clock, limits, log, observer: metrics.routes, resolve: names.resolve });
  const ready = readiness({ board, directory: names, library, ...providers, clock, log });
  const begin = () => void ready.refresh();
  const work = <Request, Event>(kind: Kind<Request, Event>) => callWork(parts, { names, routes }, kind);
  const service: Service = {
    generate: work(chatKind),
    countTokens: work(unary.countTokensKind),
    renderPrompt: work(unary.renderPromptKind),
    tokenize: work(unary.tokenizeKind),
    detokenize: work(unary.detokenizeKind),
    embed: work(unary.embedKind),
    rerank: work(unary.rerankKind),
    warmPrompt: work(unary.warmPromptKind),
    models: models({ ...{ directory: names, library, ...providers, remote, routes: settings.routes, log }, onDefaultChanged: begin }),
    providers: providerList(names, [...Object.values(providers).map(({ name }) => ({ name, kind: name })), ...upstreams], routes.health),
    health: board,
    about: { name: settings.appName, version: settings.version },
  };
  return {
    service,
    board,
    names,
    /** Loads the default model in the background. */
    begin,
    gpu: providers.local.local?.gpu ?? new Promise<string>(() => {}),
    async close() {
      ready.close();
      await parts.reads.end(); // before what they read is gone
      await Promise.all([providers.local, providers.echo, ...upstreams.flatMap((each) => each.providers)].map((each) => each.close()));
    },
  };
}

function beginTracing({ tracing, settings }: LoadedConfig): Promise<() => Promise<void>> {
  if (!tracing.isOn) return Promise.resolve(async () => {});
  return startTracing({ serviceName: tracing.serviceName ?? settings.appName, serviceVersion: settings.version });
}

/** Policies that a call passes once, outermost first. */
export function callLayers({ clock, log, metrics, loaded: { limits, settings } }: Parts, names: Directory): readonly Layer[] {
  return [
    // outermost, so that it counts what every other layer refuses
    observe({ clock, log, metrics, chargeOf: chargesBy(settings.upstreams) }),
    // outside of all that makes events, so that numbers have no hole
    chatOnly(sequence),
    // inside of observe, which counts calls; outside of what is to hold for each chat
    chatOnly(severalChats),
    // before anything is spent on a request that nobody could honour
    validate(limits, settings.mediaHosts),
    // settles which model is meant, before the cache and the queue: nobody learns of a model what its key does not allow
    authorizeModel(names),
    // before anything is spent on more than the caller's key allows
    chatOnly(keyTokens(settings.defaultMaxTokens)),
    // inside of what refuses, so that a refusal keeps its own status; outside of all that waits
    chatOnly(accept({ clock, holdMs: limits.headerHoldMs, newId: () => randomId("chatcmpl-") })),
    // inside of accept, since it waits; before routing, so that no target sees a URL
    ...(settings.mediaHosts.length === 0 ? [] : [fetchMedia({ fetch: mediaFetcher({ limits, clock }), limits })]),
    // inside of accept, since it waits; before whatever asks where a name leads
    knowNames(names.learn),
    // inside of all that refuses, and of accept: it may load gigabytes
    prepare,
    // innermost, so that an estimate is an answer to all other layers, and what they refuse is refused
    estimatedCount,
  ];
}

/** Work with every policy around it. */
function callWork<Request, Event>(
  parts: Parts,
  { names, routes }: { readonly names: Directory; readonly routes: Routing },
  kind: Kind<Request, Event>,
): Work<Request, Event> {
  return compose(callLayers(parts, names), routes.route(kind), kind);
}

/** What can answer calls. */
interface Backends {
  readonly local: Provider;
  readonly echo: Provider;
  readonly upstreams: readonly Upstream[];
  readonly remote: RemoteModels;
  /** Told of each target that nothing leads to any more. */
  readonly forget: (target: Target) => void;
}

function nameDirectory(parts: Parts, library: Library, { remote, ...backends }: Backends): Directory {
  const { settings, limits } = parts.loaded;
  const { aliases, routes, defaultModel = "", defaultProvider, fallback } = settings;
  const { askedModels } = limits;
  return directory({
    ...{ library, ...backends, aliases, routes, defaultModel, defaultProvider, fallback, askedModels },
    defaults: defaultParameters(settings),
    standIns: standIns({ remote, log: parts.log, limit: askedModels }),
    target: targetMaker(parts),
  });
}
