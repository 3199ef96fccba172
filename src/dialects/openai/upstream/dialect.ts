import type { ChatRequest } from "../../../../gen/parley/v1/chat_pb.ts";
import { isJsonObject } from "../../../core/json.ts";
import { fault } from "../../../core/reasons.ts";
import type { UpstreamSettings } from "../../../core/upstreams.ts";
import type { UpstreamDialect, UpstreamRequest } from "../../upstream-dialect.ts";
import { malformed } from "../../upstream-fault.ts";
import { chatBody, promptBody } from "./body.ts";
import { embeddingsBody, readEmbeddings } from "./embeddings.ts";
import { faultOfAnswer } from "./errors.ts";
import { openaiFields } from "./fields.ts";
import { modelsOf } from "./models.ts";
import { addOptions, type OptionScope } from "./options.ts";
import { isOpenAIKind } from "./quirk-rows.ts";
import { quirksOf } from "./quirks.ts";
import { ChatReader } from "./reader.ts";

/** What of an upstream's settings the dialect heeds; without a name, `provider_options` are found by the kind alone. */
export type OpenAISettings = Pick<UpstreamSettings, "kind" | "quirks"> & Partial<Pick<UpstreamSettings, "name">>;

/** OpenAI's API, for asking it and whatever speaks like it. Throws `invalid_request` for quirks that nobody knows. */
export function openaiDialect({ kind, name, quirks: given }: OpenAISettings): UpstreamDialect {
  if (!isOpenAIKind(kind)) throw fault("invalid_request", `kind ${JSON.stringify(kind)} does not speak OpenAI's format`);
  const quirks = quirksOf(kind, given);
  const scope: OptionScope = { kind, name, quirks };
  return {
    fields: openaiFields(quirks),
    framing: "sse",
    canContinue: quirks.continuation !== "none",
    authorize: (key) => ({ authorization: `Bearer ${key}` }),
    chat: (request, { isStream }) => asked(request, { isStream, scope }),
    reader: (request, upstream) => new ChatReader(request, upstream),
    whole(body, request, upstream) {
      if (!isJsonObject(body)) throw malformed(upstream, "an answer that is no JSON object");
      const reader = new ChatReader(request, upstream);
      const events = reader.take(body);
      if (!reader.isWhole) throw malformed(upstream, "an answer that lacks a choice that was asked for, or why one ended");
      return [...events, ...reader.end()];
    },
    listModels: () => ({ method: "GET", path: "/models", body: undefined, headers: {} }),
    models: modelsOf,
    ...(quirks.embeddings !== "refused" && {
      embed: {
        ask(request) {
          const body = embeddingsBody(request, quirks);
          addOptions(body, request.providerOptions, scope);
          return post("/embeddings", body);
        },
        read: readEmbeddings,
      },
    }),
    errorOf: (failure, upstream, nowMs) => faultOfAnswer(failure, upstream, { kind, nowMs }),
  };
}

function asked(request: ChatRequest, { isStream, scope }: { readonly isStream: boolean; readonly scope: OptionScope }): UpstreamRequest {
  const { quirks } = scope;
  const isChat = request.rawPrompt === undefined;
  const body: Record<string, unknown> = isChat ? chatBody(request, quirks, { isStream }) : promptBody(request, quirks, { isStream });
  addOptions(body, request.providerOptions, scope);
  return post(isChat ? "/chat/completions" : "/completions", body);
}

function post(path: string, body: Readonly<Record<string, unknown>>): UpstreamRequest {
  return { method: "POST", path, body, headers: {} };
}
