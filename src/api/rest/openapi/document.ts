import type { TSchema } from "typebox";
import { isScope } from "../../../core/keys.ts";
import type { Service } from "../../../core/ports.ts";
import { access } from "../../access.ts";
import type { Operation, Route } from "../route.ts";
import { componentsOf, type Components, type Json } from "./components.ts";
import { exampleOf } from "./examples.ts";
import { wireTypes } from "./wire-types.ts";

const description = [
  "Everything that is served over REST. Each group of routes answers in the formats of the clients it is for, failures included.",
  "Fields that nobody knows are ignored; those that are known from elsewhere, and would change the answer, are refused by name. null is the same as leaving a field out.",
  "What is read by GET also answers HEAD, and every path answers OPTIONS with the methods that it allows.",
].join(" ");

/** The headers of every answer, and of those to calls. */
const headers: Json = {
  RequestId: {
    description: "Names this answer in the service's log.",
    required: true,
    schema: { type: "string", pattern: "^req_[0-9a-f]{32}$" },
  },
  RetryAfter: { description: "Seconds to wait before trying again.", schema: { type: "string" } },
  Provider: { description: "What answered.", schema: { type: "string" } },
  Model: { description: "The model that answered, as its provider calls it.", schema: { type: "string" } },
  Attempts: { description: "How often targets were asked.", schema: { type: "string", pattern: "^[0-9]+$" } },
  Retries: { description: "How many of these attempts repeated one on the same target.", schema: { type: "string", pattern: "^[0-9]+$" } },
  Fallback: { description: "Whether another target than the first answered.", schema: { type: "string", enum: ["true", "false"] } },
  ShouldRetry: {
    description: "Whether asking again may help, where the status alone does not say it.",
    schema: { type: "string", enum: ["true", "false"] },
  },
};

const securitySchemes: Json = {
  bearer: { type: "http", scheme: "bearer", description: "A key, as OpenAI's clients show theirs." },
  apiKey: { type: "apiKey", in: "header", name: "x-api-key", description: "A key, as Anthropic's clients show theirs." },
};

/** Tells of all routes in the words of OpenAPI 3.1. */
export function openapiDocument(routes: readonly Route[], { name, version }: Service["about"]): Json {
  const components = componentsOf(wireTypes);
  const paths = Object.fromEntries(routes.map((route) => [route.path, pathItem(route, components)]));
  return {
    openapi: "3.1.0",
    info: { title: name, version, description },
    servers: [{ url: "/" }],
    tags: [...new Set(routes.flatMap((route) => Object.values(route.methods).map(({ operation }) => operation.tag)))].map((tag) => ({
      name: tag,
    })),
    paths,
    components: { schemas: components.schemas(), headers, securitySchemes },
  };
}

function pathItem(route: Route, components: Components): Json {
  const told = Object.entries(route.methods).filter(([method]) => method !== "HEAD");
  const methods = told.map(([method, { operation }]) => [method.toLowerCase(), operationObject(route, { method, operation }, components)]);
  return Object.fromEntries(methods) as Json;
}

interface Named {
  readonly method: string;
  readonly operation: Operation;
}

function operationObject(route: Route, { method, operation }: Named, components: Components): Json {
  const { summary, tag, body } = operation;
  const parameters = [...pathParameters(route.path), ...queryParameters(operation, components)];
  const need = access.get(route.path);
  return {
    tags: [tag],
    operationId: operationIdOf(method, route.path),
    summary,
    ...(need !== undefined && isScope(need) && { description: `Where keys are in use, it takes one with the scope ${need}.` }),
    ...(parameters.length > 0 && { parameters }),
    ...(body !== undefined && {
      requestBody: { required: true, content: { "application/json": bodyContent(`${method} ${route.path}`, body, components) } },
    }),
    responses: responsesOf(route, operation, components),
    // No key is needed where none was made, which is what `{}` says.
    security: need === "open" ? [] : [{ bearer: [] }, { apiKey: [] }, {}],
  };
}

/** A name for generated clients: `postV1ChatCompletions`. */
function operationIdOf(method: string, path: string): string {
  const words = path.split(/[^A-Za-z0-9]+/).filter((word) => word !== "");
  return method.toLowerCase() + words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join("");
}

function pathParameters(path: string): Json[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string", minLength: 1 },
  }));
}

function queryParameters({ query = {} }: Operation, { refer }: Components): Json[] {
  return Object.entries(query).map(([name, schema]) => {
    const { description: meaning, ...rest } = refer(schema);
    return { name, in: "query", ...(meaning !== undefined && { description: meaning }), schema: rest };
  });
}

function bodyContent(name: string, body: TSchema, { refer }: Components): Json {
  const example = exampleOf(name);
  return { schema: refer(body), ...(example !== undefined && { example }) };
}

function responsesOf(
  { purpose, envelope }: Route,
  { answers, others = {}, failures = envelope.schema }: Operation,
  components: Components,
): Json {
  const isCall = purpose === "call";
  const tried = isCall ? { "x-parley-attempts": headerRef("Attempts"), "x-parley-retries": headerRef("Retries") } : {};
  const served = {
    "x-parley-provider": headerRef("Provider"),
    "x-parley-model": headerRef("Model"),
    "x-parley-fallback": headerRef("Fallback"),
  };
  const called = isCall ? { ...served, ...tried } : {};
  const failed = {
    content: { "application/json": { schema: components.refer(failures) } },
    headers: {
      "x-request-id": headerRef("RequestId"),
      "retry-after": headerRef("RetryAfter"),
      "x-should-retry": headerRef("ShouldRetry"),
      ...tried,
    },
  };
  const answered = (content: Readonly<Record<string, TSchema>>) => ({
    ...(Object.keys(content).length > 0 && {
      content: Object.fromEntries(Object.entries(content).map(([type, schema]) => [type, contentOf(type, schema, components)])),
    }),
    headers: { "x-request-id": headerRef("RequestId"), ...called },
  });
  const further = Object.entries(others).map(([status, content]) => [
    status,
    { description: status === "200" ? "It is done." : "No failure of the call.", ...answered(content) },
  ]);
  return {
    ...(Object.keys(answers).length > 0 && { 200: { description: "The answer.", ...answered(answers) } }),
    ...Object.fromEntries(further),
    "4XX": { description: "The request cannot be answered as it is.", ...failed },
    "5XX": { description: "The service, or what stands behind it, failed.", ...failed },
  };
}

function headerRef(name: string): Json {
  return { $ref: `#/components/headers/${name}` };
}

/** OpenAPI 3.1 has no word for the items of a stream; 3.2 calls it `itemSchema`. The schema of an event is that of its fields, as 3.2 has it too. */
function contentOf(type: string, schema: TSchema, { refer }: Components): Json {
  const item = refer(schema);
  if (type === "text/event-stream") {
    const json = { type: "string", contentMediaType: "application/json", contentSchema: item };
    const data = { anyOf: [json, { const: "[DONE]", description: "The end, where the format has such a mark." }] };
    return { schema: { type: "object", required: ["data"], properties: { event: { type: "string" }, data } }, "x-itemSchema": item };
  }
  if (type !== "application/x-ndjson") return { schema: item };
  return { schema: { type: "string", description: "A line of JSON each; `x-itemSchema` is what each is made of." }, "x-itemSchema": item };
}
