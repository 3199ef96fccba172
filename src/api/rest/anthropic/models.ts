import { Type, type TSchema } from "typebox";
import { modelsToAnthropic, modelToAnthropic, pageFromAnthropic } from "../../../dialects/anthropic/models.ts";
import { ModelInfo, ModelPage, modelPageQuery } from "../../../dialects/anthropic/wire/models.ts";
import type { Doors, Exchange } from "../../exchange.ts";
import { sendJson } from "../../send.ts";
import { anthropicEnvelope, marked } from "../envelope.ts";
import { listedModels, modelOfPath } from "../listed-models.ts";
import { reading, type Route } from "../route.ts";

/** What Anthropic's clients get on a path that others ask for too. */
interface Shared {
  readonly serve: (exchange: Exchange, doors: Doors) => Promise<void>;
  readonly answer: TSchema;
  readonly query?: Readonly<Record<string, TSchema>>;
}

const shared: Readonly<Record<string, Shared>> = {
  "/v1/models": { serve: listModels, answer: ModelPage, query: modelPageQuery },
  "/v1/models/{id}": { serve: getModel, answer: ModelInfo },
};

/** Anthropic's clients ask for models on the paths of OpenAI's, and want other objects: they are known by `anthropic-version`, which they always send and nobody else does. */
export function alsoForAnthropic(routes: readonly Route[], doors: Doors): readonly Route[] {
  return routes.map((route) => {
    const here = Object.hasOwn(shared, route.path) ? shared[route.path] : undefined;
    const get = route.methods["GET"];
    if (here === undefined || get === undefined) return route;
    const operation = { ...get.operation, failures: Type.Union([route.envelope.schema, anthropicEnvelope().schema]) };
    return { ...route, methods: { ...route.methods, GET: either({ ...get, operation }, here, doors) } };
  });
}

function either({ serve, operation }: Route["methods"][string], here: Shared, doors: Doors): Route["methods"][string] {
  const envelope = anthropicEnvelope();
  const serveAnthropic = marked(reading(here.serve, doors, envelope), envelope);
  const json = operation.answers["application/json"] ?? Type.Unknown();
  return {
    serve: (exchange) => (exchange.request.headers["anthropic-version"] === undefined ? serve(exchange) : serveAnthropic(exchange)),
    operation: {
      ...operation,
      ...(here.query !== undefined && { query: here.query }),
      answers: { ...operation.answers, "application/json": Type.Union([json, here.answer]) },
    },
  };
}

async function listModels(exchange: Exchange, doors: Doors): Promise<void> {
  const url = exchange.request.url ?? "";
  const page = pageFromAnthropic(new URLSearchParams(url.includes("?") ? url.slice(url.indexOf("?")) : ""));
  sendJson(exchange, 200, modelsToAnthropic(await listedModels(exchange, doors), page));
}

async function getModel(exchange: Exchange, doors: Doors): Promise<void> {
  sendJson(exchange, 200, modelToAnthropic(await modelOfPath(exchange, "/v1/models/", doors)));
}
