import type { Config, Price as PriceMessage, Route, Target, Upstream } from "../../gen/parley/config/v1/config_pb.ts";
import type { LimitName } from "../core/limits.ts";
import type { RouteSettings, RouteTarget } from "../core/routes.ts";
import { Secret } from "../core/secret.ts";
import {
  disconnectPolicies,
  unknownModelsPolicies,
  type Price,
  type UpstreamKind,
  type UpstreamSettings,
  type UpstreamTimes,
} from "../core/upstreams.ts";
import { parametersOf } from "./route-checks.ts";
import { upstreamKindFrom, upstreamKindRow } from "../core/upstream-kinds.ts";

const defaultConnectMs = 10_000;
const defaultTotalMs = 600_000;
const defaultHedgePercent = 5;
const defaultRescues = 2;
const second = 1000;

/** Fills in the defaults of the upstreams of a configuration that was checked. */
export function upstreamsOf(config: Config): readonly UpstreamSettings[] {
  return config.upstreams.map((upstream) => upstreamOf(upstream, config));
}

/** Fills in the defaults of its routes. */
export function routesOf({ routes }: Config): readonly RouteSettings[] {
  return routes.map(routeOf);
}

/** What a call needs to wait for each upstream once and for the slowest once more, ms, so that it is the upstream's own limit that is reached, and others can still be asked; 0 where there is none. */
export function waitForAllMs(upstreams: readonly UpstreamSettings[]): number {
  const all = upstreams.map(({ times }) => times.wholeMs);
  return all.reduce((sum, wholeMs) => sum + wholeMs, Math.max(0, ...all));
}

function upstreamOf(upstream: Upstream, config: Config): UpstreamSettings {
  const kind = upstreamKindFrom(upstream.kind) ?? "openai";
  const row = upstreamKindRow(kind);
  const { name, apiKeys, defaultModel = row.defaultModel, concurrency, models, headers, quirks } = upstream;
  return {
    name,
    kind,
    baseUrl: baseUrlOf(kind, upstream.baseUrl ?? row.baseUrl ?? ""),
    apiKeys: apiKeys.map((key) => new Secret(key)),
    defaultModel,
    times: timesOf(upstream, config, row.timeoutMs),
    prices: Object.fromEntries(Object.entries(upstream.prices).map(([model, price]) => [model, priceOf(price)])),
    disconnect: disconnectPolicies.find((policy) => policy === upstream.disconnect) ?? "estimate",
    takesCallerKeys: upstream.clientKeys ?? config.clientKeys ?? false,
    concurrency,
    models,
    unknownModels: unknownModelsPolicies.find((policy) => policy === upstream.unknownModels) ?? "pass",
    headers: Object.fromEntries(Object.entries(headers).map(([header, value]) => [header.toLowerCase(), value])),
    quirks,
  };
}

/** The raw shape has one path, which people write as a part of the address or not. */
function baseUrlOf(kind: UpstreamKind, text: string): string {
  const bare = text.replace(/\/+$/, "");
  return kind === "raw" ? bare.replace(/\/llm$/, "") : bare;
}

/** An upstream's own word beats the limits of all, which beat its kind's. */
function timesOf(upstream: Upstream, { limits }: Config, kindMs: number): UpstreamTimes {
  const own = ms(upstream.timeoutSeconds);
  const ofAll = (name: LimitName): number | undefined => {
    const value = limits?.values[name];
    return value === undefined ? undefined : Number(value);
  };
  return {
    connectMs: ms(upstream.connectSeconds) ?? defaultConnectMs,
    wholeMs: own ?? ofAll("unaryCallMs") ?? kindMs,
    firstTokenMs: ms(upstream.firstTokenSeconds) ?? own ?? ofAll("firstTokenMs") ?? kindMs,
    idleMs: ms(upstream.idleSeconds) ?? own ?? ofAll("idleStreamMs") ?? kindMs,
    totalMs: ms(upstream.totalSeconds) ?? defaultTotalMs,
  };
}

function ms(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : seconds * second;
}

function priceOf({ prompt, completion, cached = prompt, cacheWrite = prompt }: PriceMessage): Price {
  return { prompt, completion, cached, cacheWrite };
}

function routeOf({ model, targets, hedgeAfterMs: afterMs, hedgePercent: percent = defaultHedgePercent, rescue }: Route): RouteSettings {
  return {
    model,
    targets: targets.map((target) => targetOf(target, model)),
    hedge: afterMs === undefined ? undefined : { afterMs, percent },
    rescue: rescue === undefined ? undefined : { attempts: rescue.attempts ?? defaultRescues },
  };
}

function targetOf(target: Target, routeModel: string): RouteTarget {
  const { upstream, weight, key, contextLength } = target;
  const model = target.model ?? (upstream === "echo" ? "echo" : routeModel);
  return { upstream, model, weight, key, contextLength, parameters: parametersOf(target) };
}
