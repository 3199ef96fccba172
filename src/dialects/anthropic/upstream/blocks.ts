import { isJsonObject } from "../../../core/json.ts";
import type { Media, Part, ReasoningPart, ToolCall, ToolResult } from "../../../../gen/parley/v1/messages_pb.ts";
import { invalidField, unsupportedField } from "../../../core/reasons.ts";
import { exactJson } from "../../exact-json.ts";
import { inlineMedia } from "../../media.ts";
import { cacheControlOf, type OptionPlace } from "./options.ts";
import type { Block, DocumentBlock, ImageBlock, ImageType, ResultBlock, ToolResultBlock, ToolUseBlock } from "./wire.ts";

const imageTypes: ReadonlySet<string> = new Set(["image/jpeg", "image/png", "image/gif", "image/webp"]);

/** A part of the user's as a block; undefined where it says nothing. `at` names it in errors. */
export function userBlock(part: Part, { at, keys }: OptionPlace): Block | undefined {
  if (part.part.case === "toolResult") return cached(toolResult(part.part.value, { at: `${at}.tool_result`, keys }), part, { at, keys });
  if (part.part.case === "toolCall" || part.part.case === "reasoning")
    throw invalidField(`${at}.${part.part.case === "toolCall" ? "tool_call" : "reasoning"}`, "only the assistant calls tools and thinks");
  return shownBlock(part, { at, keys });
}

/** A part of the assistant's as a block; undefined where it says nothing that Anthropic takes back. */
export function assistantBlock(part: Part, { at, keys }: OptionPlace): Block | undefined {
  switch (part.part.case) {
    case "toolCall":
      return cached(toolUse(part.part.value, `${at}.tool_call`), part, { at, keys });
    case "reasoning":
      return thinking(part.part.value);
    case "text":
    case "refusal":
      return shownBlock(part, { at, keys });
    default:
      throw unsupportedField(
        `${at}.${part.part.case ?? ""}`,
        "in an assistant's message Anthropic takes text, thinking and calls of tools",
      );
  }
}

/** Text, a picture or a document; undefined for empty text, which Anthropic refuses. */
function shownBlock(part: Part, place: OptionPlace): ResultBlock | undefined {
  const { at } = place;
  const { case: kind, value } = part.part;
  switch (kind) {
    case "text":
    case "refusal":
      return value.text === "" ? undefined : cached({ type: "text", text: value.text }, part, place);
    case "image":
      return cached(image(value, `${at}.image`), part, place);
    case "file":
      return cached(document(value, `${at}.file`), part, place);
    case "audio":
      throw unsupportedField(`${at}.audio`, "Anthropic hears nothing; send text");
    default:
      throw invalidField(at, "is no text, picture or document");
  }
}

/** Marks a block as the end of a cached prefix where its part says so. */
function cached<Kind extends Exclude<Block, { type: "thinking" | "redacted_thinking" }>>(
  block: Kind,
  part: Part,
  place: OptionPlace,
): Kind {
  const control = cacheControlOf(part.providerOptions, place);
  if (control !== undefined) block.cache_control = control;
  return block;
}

function image(media: Media, at: string): ImageBlock {
  const inline = inlineMedia(media, at);
  if (inline === undefined) return { type: "image", source: elsewhere(media, at) };
  if (!imageTypes.has(inline.mimeType))
    throw unsupportedField(
      `${at}.mime_type`,
      `Anthropic sees JPEG, PNG, GIF and WebP, not ${JSON.stringify(inline.mimeType.slice(0, 64))}`,
    );
  return { type: "image", source: { type: "base64", media_type: inline.mimeType as ImageType, data: inline.base64 } };
}

function document(media: Media, at: string): DocumentBlock {
  const title = media.fileName === "" ? {} : { title: media.fileName };
  const inline = inlineMedia(media, at);
  if (inline === undefined) return { type: "document", source: elsewhere(media, at), ...title };
  const { mimeType, base64 } = inline;
  if (mimeType === "application/pdf") return { type: "document", source: { type: "base64", media_type: mimeType, data: base64 }, ...title };
  if (!mimeType.startsWith("text/"))
    throw unsupportedField(`${at}.mime_type`, `Anthropic reads PDF and plain text, not ${JSON.stringify(mimeType.slice(0, 64))}`);
  const data = Buffer.from(base64, "base64").toString("utf8");
  return { type: "document", source: { type: "text", media_type: "text/plain", data }, ...title };
}

/** No upstream is told to fetch on a client's word: what an operator lets be fetched comes here as bytes. */
function elsewhere({ source }: Media, at: string): { type: "file"; file_id: string } {
  if (source.case === "fileId") return { type: "file", file_id: source.value };
  if (source.case === "url") throw invalidField(`${at}.url`, "is no data: URL");
  throw invalidField(at, "has neither data nor url nor file_id");
}

function toolUse({ id, name, arguments: text }: ToolCall, at: string): ToolUseBlock {
  return { type: "tool_use", id: toolId(id), name, input: argumentsObject(text, `${at}.arguments`) };
}

/** What a call was made with. Models that need no arguments write nothing at all. */
function argumentsObject(text: string, at: string): object {
  if (text.trim() === "") return {};
  const refusal = "is no JSON object, which Anthropic wants of a call that was made: mend it, or leave out the call with its result";
  let parsed: unknown;
  try {
    parsed = exactJson(text);
  } catch {
    throw invalidField(at, refusal);
  }
  if (!isJsonObject(parsed)) throw invalidField(at, refusal);
  return parsed;
}

function toolResult({ toolCallId, content, isError }: ToolResult, { at, keys }: OptionPlace): ToolResultBlock {
  const blocks: ResultBlock[] = [];
  for (let index = 0; index < content.length; index++) {
    const block = shownBlock(content[index]!, { at: `${at}.content[${index}]`, keys });
    if (block !== undefined) blocks.push(block);
  }
  const result: ToolResultBlock = { type: "tool_result", tool_use_id: toolId(toolCallId) };
  const [first] = blocks;
  if (blocks.length === 1 && first?.type === "text" && first.cache_control === undefined) result.content = first.text;
  else if (blocks.length > 0) result.content = blocks;
  if (isError) result.is_error = true;
  return result;
}

/** Ids of other makers may hold what Anthropic refuses in its own; calls and results are rewritten alike, so that they still meet. */
function toolId(id: string): string {
  if (/^[A-Za-z0-9_-]+$/.test(id)) return id;
  return id.replaceAll(/[^A-Za-z0-9_-]/gu, (character) => `_x${(character.codePointAt(0) ?? 0).toString(16)}_`);
}

/** Thinking goes back as it came. What Anthropic has not signed - another model's - it would refuse, and would not read in later turns. */
function thinking({ text, signature, redactedData }: ReasoningPart): Block | undefined {
  if (redactedData.length > 0) return { type: "redacted_thinking", data: new TextDecoder().decode(redactedData) };
  return signature === "" ? undefined : { type: "thinking", thinking: text, signature };
}
