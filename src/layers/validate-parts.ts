import { MediaDetailSchema, type Media, type Part, type ResponseFormat, type Tool } from "../../gen/parley/v1/messages_pb.ts";
import type { LimitName } from "../core/limits.ts";
import { mediaUrlProblem } from "../core/media-url.ts";
import type { Check } from "./validate-names.ts";

/** Notes a field whose size is above a limit; the place is written only then. */
export type Within = (name: LimitName, size: number, place: string | (() => string)) => void;

/** What parts are held to. */
export interface PartChecks {
  readonly check: Check;
  readonly within: Within;
  /** Hosts that media may be fetched from. */
  readonly mediaHosts: readonly string[];
}

/** The parts of a message, and those inside of them. `place` names the list. */
export function checkParts(parts: readonly Part[], place: () => string, checks: PartChecks): void {
  checks.within("maxParts", parts.length, place);
  for (let index = 0; index < parts.length; index++) checkPart(parts[index]?.part, () => `${place()}[${index}]`, checks);
}

function checkPart(part: Part["part"] | undefined, place: () => string, checks: PartChecks): void {
  const { check } = checks;
  switch (part?.case) {
    case undefined:
      return check(false, place(), "is of no known kind");
    case "toolCall":
      if (part.value.name === "") check(false, `${place()}.tool_call.name`, "is required");
      return;
    case "toolResult":
      if (part.value.toolCallId === "") check(false, `${place()}.tool_result.tool_call_id`, "is required");
      return checkParts(part.value.content, () => `${place()}.tool_result.content`, checks);
    case "image":
    case "audio":
    case "file":
      return checkMedia(part.value, () => `${place()}.${part.case}`, checks);
  }
}

function checkMedia({ source, detail }: Media, place: () => string, { check, mediaHosts }: PartChecks): void {
  if (source.case === undefined) check(false, place(), "has neither data nor url nor file_id");
  // Enums of proto3 are open: a number that no version knows arrives as it is.
  if (MediaDetailSchema.value[detail] === undefined) check(false, `${place()}.detail`, "is no known value");
  const problem = source.case === "url" ? mediaUrlProblem(source.value, mediaHosts) : undefined;
  if (problem !== undefined) check(false, `${place()}.url`, problem);
}

/** The texts of a request that are compiled: schemas and grammars. */
export function checkSchemas(tools: readonly Tool[], format: ResponseFormat["format"] | undefined, within: Within): void {
  for (let index = 0; index < tools.length; index++) {
    const tool = tools[index]?.tool;
    if (tool?.case === "function")
      within("maxSchemaBytes", Buffer.byteLength(tool.value.parameters), () => `tools[${index}].function.parameters`);
  }
  if (format?.case === "jsonSchema") within("maxSchemaBytes", Buffer.byteLength(format.value.schema), "response_format.json_schema.schema");
  if (format?.case === "grammar") within("maxSchemaBytes", Buffer.byteLength(format.value.gbnf), "response_format.grammar.gbnf");
}
