import { fault } from "../../core/reasons.ts";
import { pathOf, type Doors, type Exchange, type HttpRequest, type Procedure, type Serve } from "../exchange.ts";
import { envelopeOf } from "./families.ts";
import type { Envelope } from "./envelope.ts";
import { openapiRoutes } from "./openapi/routes.ts";
import { alsoForAnthropic } from "./anthropic/models.ts";
import { anthropicRoutes } from "./anthropic/routes.ts";
import { responsesRoutes } from "./openai/responses-routes.ts";
import { rerankRoutes } from "./openai/rerank.ts";
import { openaiRoutes } from "./openai/routes.ts";
import { ollamaRoutes } from "./ollama/routes.ts";
import { olderRoutes } from "./older/routes.ts";
import { guarded, type Route } from "./route.ts";
import { metricsRoute, ownRoutes, type MetricsText } from "./own-routes.ts";

/** The routes that there are. */
export interface Router {
  /** Finds the procedure of a request; one that is not there answers with its own error. */
  readonly find: (request: HttpRequest) => Procedure;
  /** The methods of a path as `Allow` lists them; undefined: there is no such path. */
  readonly allowedAt: (path: string) => string | undefined;
  /** Names of all procedures, such as `GET /v1/models`. */
  readonly names: readonly string[];
}

interface Path {
  /** As `Allow` lists them. */
  readonly allow: string;
  readonly methods: ReadonlyMap<string, Procedure>;
  readonly otherMethod: Procedure;
}

/** Which of the routes there are. */
export interface RouterOptions {
  /** Writes `/metrics`; undefined: there is no such path. */
  readonly metricsText: MetricsText | undefined;
  /** Whether nothing but probes and `/metrics` is there. */
  readonly areProbesAlone: boolean;
}

/** The table of the REST routes: closed, so that names of procedures stay few. */
export function routesOf(doors: Doors, { metricsText, areProbesAlone }: RouterOptions): readonly Route[] {
  const routes: Route[] = [
    ...alsoForAnthropic(openaiRoutes(doors), doors),
    ...responsesRoutes(doors),
    ...rerankRoutes(doors),
    ...anthropicRoutes(doors),
    ...ollamaRoutes(doors),
    ...olderRoutes(doors),
    ...ownRoutes(doors),
    ...(metricsText === undefined ? [] : [metricsRoute(doors, metricsText)]),
    ...openapiRoutes(doors, () => routes),
  ];
  return areProbesAlone ? routes.filter(({ purpose }) => purpose === "probe") : routes;
}

const anything = "{id}";

/** Finds routes. */
export function restRouter(doors: Doors, options: RouterOptions): Router {
  const routes = routesOf(doors, options);
  const paths = routes.map((route) => ({ path: route.path, found: pathOfRoute(route, doors) }));
  const byPath = new Map(paths.map(({ path, found }) => [path, found]));
  const above = paths
    .filter(({ path }) => path.endsWith(anything))
    .map(({ path, found }) => [path.slice(0, -anything.length), found] as const);
  const nowhere = refusing("_OTHER", doors, (request) => ({
    error: fault("route_not_found", `there is no ${request.method} ${JSON.stringify(pathOf(request).slice(0, 256))}`),
    envelope: envelopeOf(pathOf(request)),
  }));
  const at = (path: string) => byPath.get(path) ?? above.find(([prefix]) => path.startsWith(prefix) && path.length > prefix.length)?.[1];
  const find = (request: HttpRequest) => {
    const found = at(pathOf(request));
    return found === undefined ? nowhere : (found.methods.get(request.method ?? "") ?? found.otherMethod);
  };
  return {
    find,
    allowedAt: (path) => at(path)?.allow,
    names: paths.flatMap(({ found }) => [...found.methods.values()].map(({ name }) => name)),
  };
}

function pathOfRoute({ path, methods: served, purpose = "other", envelope }: Route, doors: Doors): Path {
  const procedure = (method: string, serve: Serve): Procedure => ({ name: `${method} ${path}`, family: "rest", purpose, serve });
  const methods = new Map(Object.entries(served).map(([method, { serve }]) => [method, procedure(method, serve)]));
  if (served["GET"] !== undefined) methods.set("HEAD", procedure("HEAD", served["GET"].serve));
  const allow = [...methods.keys(), "OPTIONS"].join(", ");
  const options = guarded((exchange) => answerOptions(exchange, allow), doors, envelope);
  methods.set("OPTIONS", { ...procedure("OPTIONS", options), purpose: "other" });
  const otherMethod = refusing(`_OTHER ${path}`, doors, ({ method }, response) => {
    response.setHeader("allow", allow);
    return { error: fault("method_not_allowed", `${method} is not allowed here; allowed are ${allow}`, { metadata: { allow } }), envelope };
  });
  return { allow, methods, otherMethod };
}

async function answerOptions({ response }: Exchange, allow: string): Promise<void> {
  response.writeHead(204, { allow });
  response.end();
}

interface Refusal {
  readonly error: Error;
  readonly envelope: Envelope;
}

function refusing(name: string, doors: Doors, because: (request: HttpRequest, response: Exchange["response"]) => Refusal): Procedure {
  const serve = (exchange: Exchange) => {
    const { error, envelope } = because(exchange.request, exchange.response);
    return guarded(() => Promise.reject(error), doors, envelope)(exchange);
  };
  return { name, family: "rest", purpose: "other", serve };
}
