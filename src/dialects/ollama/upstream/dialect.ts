import type { DialectSettings, UpstreamDialect } from "../../upstream-dialect.ts";
import { Answer } from "./answer.ts";
import { embedRequest, embedResponse } from "./embed.ts";
import { faultOfAnswer } from "./errors.ts";
import { ollamaFields } from "./fields.ts";
import { modelsOf } from "./models.ts";
import { contextLengthOf } from "./options.ts";
import { parsedAnswer } from "./parse-answer.ts";
import { LineReader } from "./reader.ts";
import { chatBody, generateBody } from "./request.ts";
import { ollamaTraits } from "./traits.ts";

const noHeaders = {};

/** Ollama's own API, for asking it. Throws `invalid_request` for quirks that nobody knows. */
export function ollamaDialect({ name, quirks }: DialectSettings): UpstreamDialect {
  const traits = ollamaTraits(quirks, name);
  return {
    fields: ollamaFields(traits),
    framing: "ndjson",
    canContinue: traits.canContinue,
    // It asks for none itself; proxies before it do.
    authorize: (key) => ({ authorization: `Bearer ${key}` }),
    chat(request, { isStream }) {
      const asking = { isStream, traits };
      return request.rawPrompt === undefined
        ? { method: "POST", path: "/api/chat", body: { ...chatBody(request, asking) }, headers: noHeaders }
        : { method: "POST", path: "/api/generate", body: { ...generateBody(request, asking) }, headers: noHeaders };
    },
    reader: (request, asked) => new LineReader(request, asked, contextLengthOf(request, traits)),
    parseWhole: parsedAnswer,
    whole(body, request, asked) {
      const answer = new Answer(request, asked, contextLengthOf(request, traits));
      const events = answer.read(body);
      return [...events, ...answer.end()];
    },
    listModels: () => ({ method: "GET", path: "/api/tags", body: undefined, headers: noHeaders }),
    models: modelsOf,
    embed: { ask: (request) => embedRequest(request, traits.optionKeys), read: embedResponse },
    errorOf: faultOfAnswer,
  };
}
