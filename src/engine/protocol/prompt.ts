/** One turn of a conversation; `developer` has become `system`. */
export interface EngineMessage {
  readonly role: "system" | "user" | "assistant" | "tool";
  readonly text: string;
  /** Name of the participant; of a `tool` message the function's. */
  readonly name?: string;
  /** Earlier thinking of the assistant. */
  readonly reasoning?: string;
  readonly toolCalls?: readonly EngineToolCall[];
  /** Of a `tool` message: the call it answers. */
  readonly toolCallId?: string;
  /** Place of the request's message that it comes from, where that is another. */
  readonly index?: number;
}

/** A call in a conversation's history. `arguments` is JSON text of an object. */
export interface EngineToolCall {
  readonly id: string;
  readonly name: string;
  readonly arguments: string;
}

/** A function that the model may call. */
export interface EngineTool {
  readonly name: string;
  readonly description: string;
  /** JSON Schema of its arguments, as JSON text; empty: an object without properties. */
  readonly parameters: string;
  readonly strict: boolean;
}

/** Whether tools are called: `required` with one name means that one; `names` empty means any. */
export interface EngineToolChoice {
  readonly mode: "auto" | "none" | "required";
  readonly names: readonly string[];
}

/** A conversation, with all that its chat template is given. */
export interface EngineConversation {
  readonly type: "messages";
  readonly messages: readonly EngineMessage[];
  readonly tools: readonly EngineTool[];
  readonly toolChoice: EngineToolChoice;
  /** Whether one answer may hold several calls; absent: as the model likes. */
  readonly parallelToolCalls?: boolean;
  /** The last message is the assistant's and is gone on from. */
  readonly continueFinalMessage: boolean;
  /** Variables for the template. */
  readonly templateOptions: Readonly<Record<string, unknown>>;
  /** Absent: the model's own habit. */
  readonly reasoningEffort?: EngineReasoningEffort;
}

/** How hard to think. */
export type EngineReasoningEffort = "none" | "minimal" | "low" | "medium" | "high" | "xhigh" | "max";

/** What the model reads. */
export type EnginePrompt =
  | EngineConversation
  | { readonly type: "text"; readonly text: string; readonly suffix?: string }
  | { readonly type: "tokens"; readonly tokens: readonly number[]; readonly suffix?: string };
