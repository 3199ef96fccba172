import { row, type EnvironmentRow } from "./row.ts";
import { switchType, textType } from "./values.ts";

/** Variables of what is an operator's choice where servers of one format differ. */
export const dialectRows: readonly EnvironmentRow[] = [
  row("LLM_REFUSE_UNKNOWN_FIELDS", "http.openai.refuseUnknownFields", {
    type: switchType,
    default: "false: they are ignored",
    what: "Refuse fields that nobody knows in the bodies of OpenAI's clients, by name.",
  }),
  row("LLM_THINKING_FIELD", "http.openai.thinking", {
    type: textType,
    default: "reasoning_content",
    what: "Key under which `/v1/chat/completions` tells thinking: `reasoning_content`, `reasoning`, or `both`, which some clients say twice.",
  }),
];
