import type { EngineFormat } from "../protocol/request.ts";
import { checkedGbnf } from "./gbnf-check.ts";
import { jsonObjectGrammar, jsonSchemaGrammar } from "./grammar.ts";

/** GBNF that an answer of a format must match; undefined: any text. Throws `invalid_request` or `unsupported_field` naming the field and what cannot be honoured. */
export function formatGrammar(format: EngineFormat): string | undefined {
  switch (format.type) {
    case "text":
      return undefined;
    case "json-object":
      return jsonObjectGrammar();
    case "json-schema":
      return jsonSchemaGrammar(format.schema, "response_format.json_schema.schema");
    default:
      return checkedGbnf(format.gbnf, "response_format.grammar.gbnf");
  }
}
