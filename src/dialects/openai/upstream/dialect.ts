import { isJsonObject } from "../../../core/json.ts";
import { fault } from "../../../core/reasons.ts";
import type { UpstreamSettings } from "../../../core/upstreams.ts";
import type { UpstreamDialect } from "../../upstream-dialect.ts";
import { malformed } from "../../upstream-fault.ts";
import { chatBody, promptBody } from "./body.ts";
import { faultOfAnswer } from "./errors.ts";
import { openaiFields } from "./fields.ts";
import { modelsOf } from "./models.ts";
import { isOpenAIKind } from "./quirk-rows.ts";
import { quirksOf } from "./quirks.ts";
import { ChatReader } from "./reader.ts";

const noHeaders = {};

/** OpenAI's API, for asking it and whatever speaks like it. Throws `invalid_request` for quirks that nobody knows. */
export function openaiDialect({ kind, quirks: given }: Pick<UpstreamSettings, "kind" | "quirks">): UpstreamDialect {
  if (!isOpenAIKind(kind)) throw fault("invalid_request", `kind ${JSON.stringify(kind)} does not speak OpenAI's format`);
  const quirks = quirksOf(kind, given);
  return {
    fields: openaiFields(quirks),
    framing: "sse",
    canContinue: quirks.continuation !== "none",
    authorize: (key) => ({ authorization: `Bearer ${key}` }),
    chat(request, options) {
      if (request.rawPrompt === undefined)
        return { method: "POST", path: "/chat/completions", body: chatBody(request, quirks, options), headers: noHeaders };
      return { method: "POST", path: "/completions", body: promptBody(request, quirks, options), headers: noHeaders };
    },
    reader: (request, asked) => new ChatReader(request, asked),
    whole(body, request, asked) {
      if (!isJsonObject(body)) throw malformed(asked, "an answer that is no JSON object");
      const reader = new ChatReader(request, asked);
      const events = reader.take(body);
      if (!reader.isWhole) throw malformed(asked, "an answer that does not say why it ended, or not all choices that were asked for");
      return [...events, ...reader.end()];
    },
    listModels: () => ({ method: "GET", path: "/models", body: undefined, headers: noHeaders }),
    models: modelsOf,
    errorOf: faultOfAnswer,
  };
}
