import type { ChatRequest } from "../../gen/parley/v1/chat_pb.ts";
import type { Part } from "../../gen/parley/v1/messages_pb.ts";
import { UsageSource, type Usage } from "../../gen/parley/v1/usage_pb.ts";

// Tokenizers of remote models are not known here. Four characters a token is what OpenAI tells as the rule of thumb for English; a message costs about four more for its frame.
const charactersPerToken = 4;
const tokensPerMessage = 4;
/** What a picture costs at least where an upstream tells nothing: OpenAI's base for low detail. */
const tokensPerMedia = 85;

/** About how many tokens a text of so many characters is. */
export function estimatedTokens(characters: number): number {
  return Math.ceil(characters / charactersPerToken);
}

/** About how many tokens a request's prompt is, tools included. */
export function estimatedPromptTokens(request: ChatRequest): number {
  let characters = 0;
  let tokens = request.messages.length * tokensPerMessage;
  for (const { parts } of request.messages)
    for (const part of parts) {
      characters += partCharacters(part);
      if (isMedia(part)) tokens += tokensPerMedia;
    }
  for (const { tool } of request.tools)
    if (tool.case === "function") characters += tool.value.name.length + tool.value.description.length + tool.value.parameters.length;
  const prompt = request.rawPrompt?.prompt;
  if (prompt?.case === "text") characters += prompt.value.length;
  if (prompt?.case === "tokenIds") tokens += prompt.value.ids.length;
  return tokens + estimatedTokens(characters);
}

/** A usage that Parley counted from the texts, for upstreams that tell none. */
export function estimatedUsage(promptTokens: number, completionCharacters: number, source: UsageSource = UsageSource.ESTIMATED): Usage {
  return { $typeName: "parley.v1.Usage", promptTokens, completionTokens: estimatedTokens(completionCharacters), source };
}

function isMedia({ part }: Part): boolean {
  return part.case === "image" || part.case === "audio" || part.case === "file";
}

function partCharacters({ part }: Part): number {
  if (part.case === "text" || part.case === "reasoning" || part.case === "refusal") return part.value.text.length;
  if (part.case === "toolCall") return part.value.name.length + part.value.arguments.length;
  if (part.case === "toolResult") return part.value.content.reduce((sum, each) => sum + partCharacters(each), 0);
  return 0;
}
