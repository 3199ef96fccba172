import type { TSchema } from "typebox";
import * as anthropicBlocks from "../../../dialects/anthropic/wire/blocks.ts";
import * as anthropicErrors from "../../../dialects/anthropic/wire/errors.ts";
import * as anthropicEvents from "../../../dialects/anthropic/wire/events.ts";
import * as anthropicMessage from "../../../dialects/anthropic/wire/message.ts";
import * as anthropicModels from "../../../dialects/anthropic/wire/models.ts";
import * as anthropicRequest from "../../../dialects/anthropic/wire/request.ts";
import * as anthropicUsage from "../../../dialects/anthropic/wire/usage.ts";
import * as ollamaErrors from "../../../dialects/ollama/wire/errors.ts";
import * as openaiErrors from "../../../dialects/openai/wire/errors.ts";
import * as openaiModels from "../../../dialects/openai/wire/models.ts";
import * as own from "../own-wire.ts";

/** The files of wire types, by whose they are. */
const families: Readonly<Record<string, readonly object[]>> = {
  "": [own],
  OpenAI: [openaiErrors, openaiModels],
  Anthropic: [anthropicBlocks, anthropicErrors, anthropicEvents, anthropicMessage, anthropicModels, anthropicRequest, anthropicUsage],
  Ollama: [ollamaErrors],
};

/** Every wire type that is exported, by the name it has in the document: its family's and its own. */
export const wireTypes: ReadonlyMap<string, TSchema> = new Map(
  Object.entries(families).flatMap(([family, files]) =>
    files.flatMap((file) => Object.entries(file).map(([name, schema]) => [family + name, schema as TSchema] as const)),
  ),
);
