import type { JsonObject } from "@bufbuild/protobuf";

// Bodies as upstreams take them; aliases rather than interfaces, so that they are records too.

/** A text in a list of content. */
export type WireText = { type: "text"; text: string };

/** One item of a user's content. */
export type WirePart =
  | WireText
  | { type: "image_url"; image_url: { url: string; detail?: "auto" | "low" | "high" | "original" } }
  | { type: "input_audio"; input_audio: { data: string; format: "wav" | "mp3" } }
  | { type: "file"; file: { file_data?: string; file_id?: string; filename?: string } };

/** A call that the model made. */
export type WireToolCall = { id: string; type: "function"; function: { name: string; arguments: string } };

/** What the model said. */
export type WireAssistant = {
  role: "assistant";
  content: string | WireText[] | null;
  name?: string;
  refusal?: string;
  tool_calls?: WireToolCall[];
  reasoning_content?: string;
  reasoning?: string;
  reasoning_details?: JsonObject[];
  prefix?: true;
};

/** One message of the conversation. */
export type WireMessage =
  | { role: "system" | "developer"; content: string | WireText[]; name?: string }
  | { role: "user"; content: string | WirePart[]; name?: string }
  | { role: "tool"; content: string | WireText[]; tool_call_id: string }
  | WireAssistant;

/** A function the model may call. */
export type WireTool = { type: "function"; function: { name: string; description?: string; parameters?: JsonObject; strict?: boolean } };

/** Which tools are called, by name. */
export type WireNamedTool = { type: "function"; function: { name: string } };

/** Whether and which tools are called. */
export type WireToolChoice =
  | "none"
  | "auto"
  | "required"
  | WireNamedTool
  | { type: "allowed_tools"; allowed_tools: { mode: "auto" | "required"; tools: WireNamedTool[] } };

/** The shape of the answer. */
export type WireFormat =
  | { type: "text" }
  | { type: "json_object" }
  | { type: "json_schema"; json_schema: { name: string; description?: string; schema: JsonObject; strict?: boolean } };

/** How hard to think. */
export type WireEffort = "none" | "minimal" | "low" | "medium" | "high" | "xhigh" | "max";

/** Fields that chats and raw prompts share. */
export type WireCommon = {
  model?: string;
  stream?: true;
  stream_options?: { include_usage: true };
  stop?: string[];
  n?: number;
  temperature?: number;
  top_p?: number;
  seed?: number;
  presence_penalty?: number;
  frequency_penalty?: number;
  logit_bias?: Record<string, number>;
  user?: string;
  safety_identifier?: string;
  response_format?: WireFormat;
};

/** Body of `POST /chat/completions`, the fields that OpenAI knows; what other servers added stands beside them. */
export type WireChat = WireCommon & {
  messages: WireMessage[];
  max_tokens?: number;
  max_completion_tokens?: number;
  tools?: WireTool[];
  tool_choice?: WireToolChoice;
  parallel_tool_calls?: boolean;
  logprobs?: true;
  top_logprobs?: number;
  reasoning_effort?: WireEffort;
  prompt_cache_key?: string;
};

/** Body of `POST /completions`. */
export type WirePrompt = WireCommon & { prompt: string | number[]; max_tokens?: number | null; echo?: true; logprobs?: number };
