import { fault } from "../../core/reasons.ts";
import { pathOf, type Doors, type Exchange, type HttpRequest, type Procedure, type Purpose, type Serve } from "../exchange.ts";
import { notKept, sendBody } from "../send.ts";
import { answerError } from "./answer-error.ts";
import { chatCompletions } from "./chat-completions.ts";
import { getModel, listModels } from "./models.ts";
import { listProviders } from "./providers.ts";
import { alive, health, ready, root } from "./probes.ts";
import { embeddings, rerank } from "./vectors.ts";

/** Writes the metrics page. */
export type MetricsText = () => Promise<{ readonly contentType: string; readonly body: string }>;

/** The routes that there are. */
export interface Router {
  /** Finds the procedure of a request; one that is not there answers with its own error. */
  readonly find: (request: HttpRequest) => Procedure;
  /** Names of all procedures, such as `GET /v1/models`. */
  readonly names: readonly string[];
}

interface Path {
  readonly path: string;
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

/** The REST routes: a closed table, so that names of procedures stay few. */
export function restRouter(doors: Doors, { metricsText, areProbesAlone }: RouterOptions): Router {
  const get = (serve: (exchange: Exchange, doors: Doors) => Promise<void>): Serve => {
    const answer = guarded((exchange) => serve(exchange, doors), doors);
    return (exchange) => {
      exchange.response.setHeader("cache-control", notKept);
      return answer(exchange);
    };
  };
  const paths = [
    pathOfRoutes("/v1/chat/completions", { POST: chatCompletions(doors) }, doors, "call"),
    pathOfRoutes("/v1/embeddings", { POST: embeddings(doors) }, doors, "call"),
    pathOfRoutes("/v1/rerank", { POST: rerank(doors) }, doors, "call"),
    pathOfRoutes("/v1/models", { GET: get(listModels) }, doors),
    pathOfRoutes("/providers", { GET: get(listProviders) }, doors),
    pathOfRoutes("/", { GET: get(root) }, doors),
    pathOfRoutes("/health", { GET: get(health) }, doors, "probe"),
    pathOfRoutes("/healthz", { GET: get(alive) }, doors, "probe"),
    pathOfRoutes("/livez", { GET: get(alive) }, doors, "probe"),
    pathOfRoutes("/readyz", { GET: get(ready) }, doors, "probe"),
  ];
  if (metricsText !== undefined) {
    const serve = async (exchange: Exchange) => {
      const { contentType: type, body } = await metricsText();
      sendBody(exchange, 200, { type, body });
    };
    paths.push(pathOfRoutes("/metrics", { GET: get(serve) }, doors, "probe"));
  }
  const served = areProbesAlone ? paths.filter(({ methods }) => methods.get("GET")?.purpose === "probe") : paths;
  const byPath = new Map(served.map((path) => [path.path, path]));
  const model = areProbesAlone ? undefined : pathOfRoutes("/v1/models/{id}", { GET: get(getModel) }, doors);
  const nowhere = refusing("_OTHER", doors, (request) =>
    fault("route_not_found", `there is no ${request.method} ${JSON.stringify(pathOf(request).slice(0, 256))}`),
  );
  const names = [...served, ...(model === undefined ? [] : [model])].flatMap(({ methods }) =>
    [...methods.values()].map(({ name }) => name),
  );
  const find = (request: HttpRequest) => {
    const path = pathOf(request);
    const found = byPath.get(path) ?? (path.startsWith("/v1/models/") && path.length > "/v1/models/".length ? model : undefined);
    return found === undefined ? nowhere : (found.methods.get(request.method ?? "") ?? found.otherMethod);
  };
  return { find, names };
}

// oxlint-disable-next-line max-params -- a row of the table
function pathOfRoutes(path: string, serves: Readonly<Record<string, Serve>>, doors: Doors, purpose: Purpose = "other"): Path {
  const procedure = (method: string, serve: Serve): Procedure => ({ name: `${method} ${path}`, family: "rest", purpose, serve });
  const methods = new Map(Object.entries(serves).map(([method, serve]) => [method, procedure(method, serve)]));
  const { GET } = serves;
  if (GET !== undefined) methods.set("HEAD", procedure("HEAD", GET));
  const allow = [...methods.keys(), "OPTIONS"].join(", ");
  const options = guarded((exchange) => answerOptions(exchange, allow), doors);
  methods.set("OPTIONS", { ...procedure("OPTIONS", options), purpose: "other" });
  const otherMethod = refusing(`_OTHER ${path}`, doors, ({ method }, response) => {
    response.setHeader("allow", allow);
    return fault("method_not_allowed", `${method} is not allowed here; allowed are ${allow}`, { metadata: { allow } });
  });
  return { path, methods, otherMethod };
}

async function answerOptions({ response }: Exchange, allow: string): Promise<void> {
  response.writeHead(204, { allow });
  response.end();
}

function refusing(name: string, doors: Doors, because: (request: HttpRequest, response: Exchange["response"]) => Error): Procedure {
  const serve = guarded(async ({ request, response }) => {
    throw because(request, response);
  }, doors);
  return { name, family: "rest", purpose: "other", serve };
}

/** Answers what admission refused, and what a route throws. */
function guarded(serve: Serve, { log }: Doors): Serve {
  return async (exchange) => {
    try {
      if (exchange.refusal !== undefined) throw exchange.refusal;
      await serve(exchange);
    } catch (error) {
      answerError(exchange, error, { log });
    }
  };
}
