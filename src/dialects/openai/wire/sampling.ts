import { Type } from "typebox";
import { AnyObject, integer, sayable } from "./shapes.ts";

/** How tokens are drawn, as every body may say it: OpenAI's fields, and those that vLLM and llama-server added. */
export const samplingFields = {
  temperature: sayable(Type.Number({ minimum: 0, maximum: 2 })),
  top_p: sayable(Type.Number({ exclusiveMinimum: 0, maximum: 1 })),
  seed: sayable(Type.Integer({ minimum: -Number.MAX_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER })),
  presence_penalty: sayable(Type.Number({ minimum: -2, maximum: 2 })),
  frequency_penalty: sayable(Type.Number({ minimum: -2, maximum: 2 })),
  logit_bias: sayable(Type.Record(Type.String({ pattern: "^[0-9]{1,10}$" }), Type.Number({ minimum: -100, maximum: 100 }))),
  top_k: sayable(integer({ minimum: 0 })),
  min_p: sayable(Type.Number({ minimum: 0, maximum: 1 })),
  repeat_penalty: sayable(Type.Number({ exclusiveMinimum: 0, maximum: 2, description: "llama-server's name." })),
  repetition_penalty: sayable(Type.Number({ exclusiveMinimum: 0, maximum: 2, description: "vLLM's name of the same." })),
  repeat_last_n: sayable(integer({ minimum: 0 })),
  xtc_probability: sayable(Type.Number({ minimum: 0, maximum: 1 })),
  xtc_threshold: sayable(Type.Number({ minimum: 0, maximum: 1 })),
  dry_multiplier: sayable(Type.Number({ minimum: 0 })),
  dry_base: sayable(Type.Number({ minimum: 1 })),
  dry_allowed_length: sayable(integer({ minimum: 0 })),
  dry_penalty_last_n: sayable(integer({ minimum: -1 })),
  dry_sequence_breakers: sayable(Type.Array(Type.String())),
};

/** The shape of the answer, as servers name it; at most one of these is said. */
const formatFields = {
  response_format: sayable(
    Type.Union([
      Type.Object({ type: Type.Literal("text") }),
      Type.Object({ type: Type.Literal("json_object"), schema: sayable(AnyObject) }),
      Type.Object({
        type: Type.Literal("json_schema"),
        json_schema: Type.Object({
          name: Type.String(),
          description: sayable(Type.String()),
          schema: AnyObject,
          strict: sayable(Type.Boolean()),
        }),
      }),
    ]),
  ),
  grammar: sayable(Type.String({ description: "llama-server's GBNF." })),
  json_schema: sayable(Type.Union([AnyObject, Type.String()], { description: "llama-server's name of a schema." })),
  guided_json: sayable(Type.Union([AnyObject, Type.String()], { description: "vLLM's name of a schema." })),
};

/** What a stream is to hold beside the answer. */
const StreamOptions = Type.Object({
  include_usage: sayable(Type.Boolean({ description: "Whether a chunk without choices tells the usage before the end." })),
  include_obfuscation: sayable(Type.Boolean({ description: "Whether chunks are padded, so that their sizes tell nothing." })),
});

/** Fields that chats and completions share. */
export const completionFields = {
  ...samplingFields,
  ...formatFields,
  stop: sayable(Type.Union([Type.String({ minLength: 1 }), Type.Array(Type.String({ minLength: 1 }), { maxItems: 16 })])),
  n: sayable(integer({ minimum: 1, maximum: 128 })),
  stream: sayable(Type.Boolean()),
  stream_options: sayable(StreamOptions),
  user: sayable(Type.String({ maxLength: 256 })),
  n_predict: sayable(integer({ description: "llama-server's name of the most tokens; below 0: no limit." })),
  min_tokens: sayable(integer({ minimum: 0 })),
  ignore_eos: sayable(Type.Boolean()),
  priority: sayable(integer({ minimum: 0, description: "vLLM's: what is above 0 may wait." })),
  provider: sayable(
    Type.Union([Type.String(), AnyObject], { description: "Only this upstream may answer; an object is OpenRouter's, and ignored." }),
  ),
};
