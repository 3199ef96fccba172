// Anthropic's messages API as this version of it is pinned, as far as requests of ours use it.

/** The API's version: newer ones refuse temperature, top_p and top_k even at their defaults. */
export const apiVersion = "2023-06-01";

/** Marks the end of a prefix that is to be cached. */
export interface CacheControl {
  type: "ephemeral";
  ttl?: "5m" | "1h";
}

interface Cacheable {
  cache_control?: CacheControl;
}

/** Plain text. */
export interface TextBlock extends Cacheable {
  type: "text";
  text: string;
}

/** Pictures that the API reads. */
export type ImageType = "image/jpeg" | "image/png" | "image/gif" | "image/webp";

interface FileSource {
  type: "file";
  file_id: string;
}

/** A picture. */
export interface ImageBlock extends Cacheable {
  type: "image";
  source: { type: "base64"; media_type: ImageType; data: string } | FileSource;
}

/** A document. */
export interface DocumentBlock extends Cacheable {
  type: "document";
  source:
    | { type: "base64"; media_type: "application/pdf"; data: string }
    | { type: "text"; media_type: "text/plain"; data: string }
    | FileSource;
  title?: string;
}

/** A call that the model made. */
export interface ToolUseBlock extends Cacheable {
  type: "tool_use";
  id: string;
  name: string;
  input: unknown;
}

/** What a tool may answer with. */
export type ResultBlock = TextBlock | ImageBlock | DocumentBlock;

/** What a tool answered. */
export interface ToolResultBlock extends Cacheable {
  type: "tool_result";
  tool_use_id: string;
  content?: string | ResultBlock[];
  is_error?: boolean;
}

/** Thinking that the API has signed. */
export interface ThinkingBlock {
  type: "thinking";
  thinking: string;
  signature: string;
}

/** Thinking that the API hides. */
export interface RedactedThinkingBlock {
  type: "redacted_thinking";
  data: string;
}

/** A piece of a message. */
export type Block = ResultBlock | ToolUseBlock | ToolResultBlock | ThinkingBlock | RedactedThinkingBlock;

/** One turn. */
export interface Turn {
  role: "user" | "assistant";
  content: string | Block[];
}

/** A function that the model may call. */
export interface WireTool extends Cacheable {
  name: string;
  description?: string;
  input_schema: { type: "object"; [key: string]: unknown };
  strict?: boolean;
}

/** Whether and which tools are called. */
export type WireToolChoice =
  | { type: "auto" | "any"; disable_parallel_tool_use?: boolean }
  | { type: "tool"; name: string; disable_parallel_tool_use?: boolean }
  | { type: "none" };

/** How thinking is told: in short, or by its signature alone. */
interface Displayed {
  display?: "summarized" | "omitted";
}

/** Whether and how the model thinks. */
export type WireThinking =
  | ({ type: "enabled"; budget_tokens: number } & Displayed)
  | ({ type: "adaptive" } & Displayed)
  | { type: "between_tools" }
  | { type: "disabled" };

/** How hard the model tries. */
export type WireEffort = "low" | "medium" | "high" | "xhigh" | "max";

/** A request for a message. */
export interface MessagesBody {
  model: string;
  max_tokens: number;
  messages: Turn[];
  stream: boolean;
  system?: TextBlock[];
  temperature?: number;
  top_p?: number;
  top_k?: number;
  stop_sequences?: string[];
  tools?: WireTool[];
  tool_choice?: WireToolChoice;
  thinking?: WireThinking;
  output_config?: { effort?: WireEffort; format?: { type: "json_schema"; schema: { [key: string]: unknown } } };
  metadata?: { user_id: string };
  service_tier?: "auto" | "standard_only";
  inference_geo?: string;
  cache_control?: CacheControl;
  context_management?: { [key: string]: unknown };
}
