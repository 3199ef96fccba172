import { Type } from "typebox";

// Bodies that are read: the fields that are honoured or refused by name. Others are passed over.

const model = Type.String({ description: "A model's name, with or without the tag `latest`." });
const name = Type.Optional(Type.String({ description: "What older clients call `model`." }));
const stream = Type.Optional(Type.Boolean({ description: "Whether the answer comes as lines of JSON; true unless it is said." }));
const keepAlive = Type.Optional(
  Type.Union([Type.String(), Type.Number()], { description: 'How long the model stays loaded: seconds, or a time such as "5m".' }),
);

const Options = Type.Object({
  temperature: Type.Optional(Type.Number()),
  top_p: Type.Optional(Type.Number()),
  top_k: Type.Optional(Type.Integer()),
  min_p: Type.Optional(Type.Number()),
  typical_p: Type.Optional(Type.Number()),
  seed: Type.Optional(Type.Integer()),
  presence_penalty: Type.Optional(Type.Number()),
  frequency_penalty: Type.Optional(Type.Number()),
  repeat_penalty: Type.Optional(Type.Number()),
  repeat_last_n: Type.Optional(Type.Integer()),
  num_predict: Type.Optional(Type.Integer({ description: "Most new tokens; below 0: no limit." })),
  num_ctx: Type.Optional(Type.Integer()),
  stop: Type.Optional(Type.Union([Type.String(), Type.Array(Type.String())])),
});

/** What both ways to ask for words have. */
const asking = {
  model,
  name,
  stream,
  format: Type.Optional(Type.Union([Type.String(), Type.Object({})], { description: '"json", or a JSON schema.' })),
  options: Type.Optional(Options),
  think: Type.Optional(Type.Union([Type.Boolean(), Type.String()], { description: "Whether to think, or low, medium, high or max." })),
  keep_alive: keepAlive,
  logprobs: Type.Optional(Type.Boolean()),
  top_logprobs: Type.Optional(Type.Integer()),
};

const Message = Type.Object({
  role: Type.String({ description: "system, user, assistant or tool." }),
  content: Type.Optional(Type.String()),
  thinking: Type.Optional(Type.String()),
  images: Type.Optional(Type.Array(Type.String({ description: "Base64." }))),
  tool_calls: Type.Optional(
    Type.Array(
      Type.Object({
        id: Type.Optional(Type.String()),
        function: Type.Object({ name: Type.String(), arguments: Type.Optional(Type.Object({})) }),
      }),
    ),
  ),
  tool_name: Type.Optional(Type.String()),
  tool_call_id: Type.Optional(Type.String()),
});

/** The body of `POST /api/chat`. Without messages the model is loaded, or unloaded where `keep_alive` is 0. */
export const ChatBody = Type.Object({
  ...asking,
  messages: Type.Optional(Type.Array(Message)),
  tools: Type.Optional(Type.Array(Type.Object({ type: Type.Optional(Type.String()), function: Type.Object({ name: Type.String() }) }))),
});

/** The body of `POST /api/generate`. Without a prompt the model is loaded, or unloaded where `keep_alive` is 0. */
export const GenerateBody = Type.Object({
  ...asking,
  prompt: Type.Optional(Type.String()),
  suffix: Type.Optional(Type.String({ description: "What follows the gap that is to be filled." })),
  system: Type.Optional(Type.String()),
  template: Type.Optional(Type.String({ description: "Refused: the model's own template is used." })),
  context: Type.Optional(Type.Array(Type.Integer(), { description: "Refused: send the conversation to /api/chat." })),
  raw: Type.Optional(Type.Boolean()),
  images: Type.Optional(Type.Array(Type.String({ description: "Base64." }))),
});

/** The body of `POST /api/embed`. */
export const EmbedBody = Type.Object({
  model,
  name,
  input: Type.Optional(Type.Union([Type.String(), Type.Array(Type.String())])),
  truncate: Type.Optional(Type.Boolean({ description: "Whether an input that is too long is cut; true unless it is said." })),
  dimensions: Type.Optional(Type.Integer()),
  options: Type.Optional(Options),
  keep_alive: keepAlive,
});

/** The body of `POST /api/embeddings`. */
export const EmbeddingsBody = Type.Object({
  model,
  name,
  prompt: Type.Optional(Type.String()),
  options: Type.Optional(Options),
  keep_alive: keepAlive,
});

/** The body of `POST /api/show`. */
export const ShowBody = Type.Object({
  model,
  name,
  verbose: Type.Optional(Type.Boolean()),
});

/** The body of `POST /api/pull`. */
export const PullBody = Type.Object({
  model: Type.String({ description: "An id of the catalog." }),
  name,
  stream,
  insecure: Type.Optional(Type.Boolean({ description: "Refused where it is true." })),
});

/** The body of `DELETE /api/delete`. */
export const DeleteBody = Type.Object({ model, name });
