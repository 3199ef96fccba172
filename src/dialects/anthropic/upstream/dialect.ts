import type { DialectSettings, UpstreamDialect } from "../../upstream-dialect.ts";
import { faultOfAnswer } from "./errors.ts";
import { anthropicFields } from "./fields.ts";
import { modelsOf, modelsPerPage } from "./models.ts";
import { parsedMessage } from "./parse-message.ts";
import { requestOptions } from "./options.ts";
import { MessageReader, wholeMessage } from "./reader.ts";
import { hasFiles, messagesBody } from "./request.ts";
import { anthropicTraits } from "./traits.ts";
import { apiVersion } from "./wire.ts";

const versioned = { "anthropic-version": apiVersion };
/** Files that the API keeps are a beta of this version. */
const filesBeta = "files-api-2025-04-14";

function headersWith(betas: readonly string[]): Readonly<Record<string, string>> {
  return betas.length === 0 ? versioned : { ...versioned, "anthropic-beta": betas.join(",") };
}

/** Anthropic's messages API, for asking it. Throws `invalid_request` for quirks that nobody knows. */
export function anthropicDialect({ name, quirks }: DialectSettings): UpstreamDialect {
  const traits = anthropicTraits(quirks, name);
  return {
    fields: anthropicFields(traits),
    framing: "sse",
    canContinue: traits.canContinue,
    authorize: (key) => ({ "x-api-key": key }),
    chat(request, { isStream }) {
      const options = requestOptions(request.providerOptions, traits.optionKeys);
      const body = messagesBody(request, { isStream, traits, options });
      const betas = hasFiles(body) ? new Set([...options.betas, filesBeta]) : options.betas;
      const headers = headersWith([...betas]);
      return { method: "POST", path: "/v1/messages", body: { ...body }, headers };
    },
    reader: (request, asked) => new MessageReader(request, asked),
    parseWhole: parsedMessage,
    whole: wholeMessage,
    listModels: () => ({ method: "GET", path: `/v1/models?limit=${modelsPerPage}`, body: undefined, headers: versioned }),
    models: modelsOf,
    errorOf: faultOfAnswer,
  };
}
