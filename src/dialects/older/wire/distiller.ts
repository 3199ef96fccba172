import { Type, type Static } from "typebox";
import { ChatCompletionChunk } from "../../openai/wire/chat-chunk.ts";
import { ChatCompletionRequest } from "../../openai/wire/chat-request.ts";
import { ErrorBody } from "../../openai/wire/errors.ts";
import { integer, sayable } from "../../openai/wire/shapes.ts";
import { DetailBody } from "./detail.ts";

const asked = ChatCompletionRequest.properties;

/** How tokens are drawn, apart from the rest of a body; any other field of a chat completion may stand here too. */
const InferenceConfigs = Type.Object({
  temperature: asked.temperature,
  max_tokens: asked.max_tokens,
  top_k: asked.top_k,
  top_p: asked.top_p,
  repeat_penalty: asked.repeat_penalty,
  stop: asked.stop,
});

/** How a model is loaded, by the names of llama-cpp-python. Names that are not honoured are refused. */
const LoadModelConfigs = Type.Object({
  n_ctx: sayable(integer({ minimum: 0, maximum: 16_777_216, description: "Tokens of context for each sequence; 0: the model's own." })),
  n_batch: sayable(integer({ minimum: 1, maximum: 65_536 })),
  n_threads: sayable(integer({ minimum: 1, maximum: 1024 })),
  n_gpu_layers: sayable(integer({ minimum: -1, description: "-1: all of them." })),
  flash_attn: sayable(Type.Boolean()),
  use_mmap: sayable(Type.Boolean()),
  verbose: sayable(Type.Boolean({ description: "Logging is set by the operator; it changes nothing." })),
});

/** Body of `POST /chat/completions`: OpenAI's, and what is said of sampling and loading apart from it. */
export const DistillerRequest = Type.Object({
  ...asked,
  inference_configs: sayable(InferenceConfigs),
  load_model_configs: sayable(LoadModelConfigs),
});
/** Body of `POST /chat/completions`. */
export type DistillerRequest = Static<typeof DistillerRequest>;

/** What its stream consists of, `[DONE]` aside: a failure is its last event, told to this service's clients and to OpenAI's. */
export const DistillerEvent = Type.Union([ChatCompletionChunk, Type.Object({ ...DetailBody.properties, ...ErrorBody.properties })]);
/** What its stream consists of. */
export type DistillerEvent = Static<typeof DistillerEvent>;

/** Answer of `GET /models`. */
export const GgufList = Type.Object({ models: Type.Array(Type.String({ description: "Name of a file, such as `model1.gguf`." })) });
/** Answer of `GET /models`. */
export type GgufList = Static<typeof GgufList>;

/** Body of `POST /setModel`. */
export const SetModelRequest = Type.Object({
  model_name: Type.String({ minLength: 1, maxLength: 256 }),
  load_model_configs: sayable(LoadModelConfigs),
});
/** Body of `POST /setModel`. */
export type SetModelRequest = Static<typeof SetModelRequest>;

/** Answer of `POST /setModel`. */
export const SetModelAnswer = Type.Object({ status: Type.Literal("ok"), message: Type.String(), model: Type.String() });
/** Answer of `POST /setModel`. */
export type SetModelAnswer = Static<typeof SetModelAnswer>;

/** Body of `POST /restore_cache`. */
export const RestoreCacheRequest = Type.Object({
  model: asked.model,
  messages: asked.messages,
  tools: asked.tools,
  inference_configs: sayable(InferenceConfigs),
});
/** Body of `POST /restore_cache`. */
export type RestoreCacheRequest = Static<typeof RestoreCacheRequest>;

/** Answer of `POST /restore_cache`. */
export const RestoreCacheAnswer = Type.Object({
  status: Type.Literal("ok"),
  message: Type.String(),
  prompt_tokens: Type.Integer({ description: "Tokens of the prefix." }),
  cached_tokens: Type.Integer({ description: "Of these, tokens that had been prepared before." }),
});
/** Answer of `POST /restore_cache`. */
export type RestoreCacheAnswer = Static<typeof RestoreCacheAnswer>;
