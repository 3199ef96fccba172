import { Type, type Static } from "typebox";
import { templateFields } from "./chat-request.ts";
import { AskedMessage } from "./messages.ts";
import { orNull, sayable } from "./shapes.ts";

const model = sayable(Type.String({ maxLength: 256, description: "Absent: the default model." }));
const messages = Type.Array(AskedMessage, { minItems: 1 });
const ids = Type.Array(Type.Integer({ minimum: 0 }));

/** llama-server's body of `POST /tokenize`. */
const TokenizeContent = Type.Object({
  model,
  content: Type.String(),
  add_special: sayable(Type.Boolean({ description: "Whether the model's start token is put before; false where it is not said." })),
  parse_special: sayable(Type.Boolean({ description: "Whether special tokens in the text are read as such; true where it is not said." })),
  with_pieces: sayable(Type.Boolean({ description: "Whether each token's text is wanted." })),
});

/** vLLM's body of `POST /tokenize` for a text. */
const TokenizePrompt = Type.Object({
  model,
  prompt: Type.String(),
  add_special_tokens: sayable(Type.Boolean({ description: "Whether the model's start token is put before; true where it is not said." })),
  return_token_strs: sayable(Type.Boolean({ description: "Whether each token's text is wanted." })),
});

/** vLLM's body of `POST /tokenize` for a conversation. */
const TokenizeMessages = Type.Object({
  ...templateFields,
  model,
  messages,
  add_special_tokens: sayable(
    Type.Boolean({ description: "Whether the model's start token is put before what the template wrote; false where it is not said." }),
  ),
  return_token_strs: sayable(Type.Boolean()),
});

/** Body of `POST /tokenize`, as llama-server or as vLLM takes it. */
export const TokenizeBody = Type.Union([TokenizeContent, TokenizePrompt, TokenizeMessages]);
/** Body of `POST /tokenize`. */
export type TokenizeBody = Static<typeof TokenizeBody>;

/** llama-server's answer. */
export const ContentTokens = Type.Object({
  tokens: Type.Union([
    ids,
    Type.Array(
      Type.Object({
        id: Type.Integer(),
        piece: Type.Union([Type.String(), Type.Array(Type.Integer(), { description: "Its bytes, where they are no whole characters." })]),
      }),
    ),
  ]),
});
/** llama-server's answer. */
export type ContentTokens = Static<typeof ContentTokens>;

/** vLLM's answer. */
export const PromptTokens = Type.Object({
  count: Type.Integer(),
  max_model_len: orNull(Type.Integer({ description: "Tokens of prompt and answer together; null where it is not known." })),
  tokens: ids,
  token_strs: orNull(Type.Array(Type.String())),
});
/** vLLM's answer. */
export type PromptTokens = Static<typeof PromptTokens>;

/** Answer of `POST /tokenize`, in the shape of whom the body is of. */
export const TokenizeAnswer = Type.Union([PromptTokens, ContentTokens]);
/** Answer of `POST /tokenize`. */
export type TokenizeAnswer = Static<typeof TokenizeAnswer>;

/** Body of `POST /detokenize`; llama-server's and vLLM's are alike. */
export const DetokenizeBody = Type.Object({ model, tokens: ids });
/** Body of `POST /detokenize`. */
export type DetokenizeBody = Static<typeof DetokenizeBody>;

/** Answer of `POST /detokenize`: the text under llama-server's name and under vLLM's. */
export const DetokenizeAnswer = Type.Object({ content: Type.String(), prompt: Type.String() });
/** Answer of `POST /detokenize`. */
export type DetokenizeAnswer = Static<typeof DetokenizeAnswer>;

/** Body of `POST /apply-template`: a chat's, of which only what becomes part of the prompt counts. */
export const ApplyTemplateBody = Type.Object({ ...templateFields, model, messages });
/** Body of `POST /apply-template`. */
export type ApplyTemplateBody = Static<typeof ApplyTemplateBody>;

/** Answer of `POST /apply-template`. */
export const ApplyTemplateAnswer = Type.Object({ prompt: Type.String() });
/** Answer of `POST /apply-template`. */
export type ApplyTemplateAnswer = Static<typeof ApplyTemplateAnswer>;
