import { Type, type TSchema } from "typebox";
import { ChatLine, Embedded, GenerateLine, OneEmbedding } from "../../../dialects/ollama/wire/answers.ts";
import { ErrorBody } from "../../../dialects/ollama/wire/errors.ts";
import { PullStatus, Running, Shown, Tags, Version } from "../../../dialects/ollama/wire/models.ts";
import * as bodies from "../../../dialects/ollama/wire/requests.ts";
import type { Doors, Exchange, Purpose, Serve } from "../../exchange.ts";
import { chatRoute } from "../chat-route.ts";
import { ollamaEnvelope as envelope } from "../envelope.ts";
import { reading, type Route } from "../route.ts";
import { linesType, ollamaChat } from "./chat.ts";
import { deleteModel, running, show, tags, version } from "./models.ts";
import { plainNames } from "./names.ts";
import { pull } from "./pull.ts";
import { refusedRoutes } from "./refused.ts";
import { embed, embeddings, embeddingsEnvelope } from "./vectors.ts";

const tag = "Ollama";
const json = "application/json";

/** What Ollama's clients ask for. */
export function ollamaRoutes(doors: Doors): readonly Route[] {
  const names = plainNames(doors);
  const lines = (schema: TSchema) => ({ [json]: schema, [linesType]: Type.Union([schema, ErrorBody]) });
  const chat = { body: bodies.ChatBody, answers: lines(ChatLine) };
  const generate = { body: bodies.GenerateBody, answers: lines(GenerateLine) };
  const one = { body: bodies.EmbeddingsBody, answers: { [json]: OneEmbedding } };
  const get = (path: string, summary: string, { serve, schema }: Read): Route => ({
    path,
    envelope,
    methods: { GET: { serve: reading(serve, doors, envelope), operation: { tag, summary, answers: { [json]: schema } } } },
  });
  return [
    post("/api/chat", { summary: "Answer a conversation", ...chat, serve: chatRoute(doors, ollamaChat("chat", names, doors)) }),
    post("/api/generate", { summary: "Answer a prompt", ...generate, serve: chatRoute(doors, ollamaChat("generate", names, doors)) }),
    post("/api/embed", {
      ...{ summary: "Turn texts into vectors", body: bodies.EmbedBody, answers: { [json]: Embedded } },
      serve: embed(doors, names),
    }),
    {
      ...post("/api/embeddings", { summary: "Turn a text into a vector", ...one, serve: embeddings(doors, names) }),
      envelope: embeddingsEnvelope,
    },
    get("/api/tags", "List the models that can be asked for now", { serve: tags, schema: Tags }),
    get("/api/ps", "List the models that are loaded", { serve: running, schema: Running }),
    get("/api/version", "Say which version of Ollama's API this is", { serve: version, schema: Version }),
    post("/api/show", {
      ...{ summary: "Describe one model", body: bodies.ShowBody, answers: { [json]: Shown }, purpose: "other" },
      serve: show(doors, names),
    }),
    post("/api/pull", {
      ...{ summary: "Bring a model of the catalog on disk", body: bodies.PullBody, answers: lines(PullStatus), purpose: "management" },
      serve: pull(doors, names),
    }),
    {
      path: "/api/delete",
      envelope,
      purpose: "management",
      methods: {
        DELETE: {
          serve: deleteModel(doors, names),
          operation: { tag, summary: "Delete a model's file", body: bodies.DeleteBody, answers: {}, others: { 200: {} } },
        },
      },
    },
    ...refusedRoutes(doors),
  ];
}

interface Read {
  readonly serve: (exchange: Exchange, doors: Doors) => Promise<void>;
  readonly schema: TSchema;
}

interface Posted {
  readonly serve: Serve;
  readonly summary: string;
  readonly body: TSchema;
  readonly answers: Readonly<Record<string, TSchema>>;
  readonly purpose?: Purpose;
}

function post(path: string, { serve, purpose = "call", ...operation }: Posted): Route {
  return { path, envelope, purpose, methods: { POST: { serve, operation: { tag, ...operation } } } };
}
