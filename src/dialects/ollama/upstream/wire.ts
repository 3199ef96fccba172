// Ollama's own API, as far as requests of ours use it.

/** A call of a tool; the arguments are an object, and older servers know no id. */
export interface WireCall {
  readonly id: string;
  readonly function: { readonly name: string; readonly arguments: object };
}

/** One message. */
export interface WireMessage {
  readonly role: "system" | "user" | "assistant" | "tool";
  readonly content: string;
  /** Base64. */
  readonly images?: readonly string[];
  readonly thinking?: string;
  readonly tool_calls?: readonly WireCall[];
  readonly tool_name?: string;
  readonly tool_call_id?: string;
}

/** A function that the model may call. */
export interface WireTool {
  readonly type: "function";
  readonly function: { readonly name: string; readonly description: string; readonly parameters: object };
}

/** How the model runs. */
export interface WireOptions {
  readonly num_ctx?: number;
  readonly num_predict?: number;
  readonly seed?: number;
  readonly temperature?: number;
  readonly top_k?: number;
  readonly top_p?: number;
  readonly min_p?: number;
  readonly typical_p?: number;
  readonly repeat_penalty?: number;
  readonly repeat_last_n?: number;
  readonly presence_penalty?: number;
  readonly frequency_penalty?: number;
  readonly stop?: readonly string[];
}

/** What chats and raw prompts share. */
export interface WireRequest {
  readonly model: string;
  readonly stream: boolean;
  readonly options: WireOptions;
  /** A prompt that is too long is refused, instead of losing its beginning. */
  readonly truncate: false;
  /** An answer that fills the context ends, instead of pushing the prompt out. */
  readonly shift: false;
  readonly format?: "json" | object;
  readonly think?: boolean | string;
  readonly keep_alive?: string | number;
  readonly logprobs?: true;
  readonly top_logprobs?: number;
}

/** A chat. */
export interface ChatBody extends WireRequest {
  readonly messages: readonly WireMessage[];
  readonly tools?: readonly WireTool[];
}

/** A prompt without a template. */
export interface GenerateBody extends WireRequest {
  readonly prompt: string;
  readonly raw: true;
}
