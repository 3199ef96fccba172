import { Type } from "typebox";
import { sayable } from "../../openai/wire/shapes.ts";

// Bodies that are read: the fields that are honoured or refused by name. Others are passed over.

const model = Type.String({ description: "A model's name, with or without the tag `latest`." });
const name = sayable(Type.String({ description: "What older clients call `model`." }));
const stream = sayable(Type.Boolean({ description: "Whether the answer comes as lines of JSON; true unless it is said." }));
const keepAlive = sayable(
  Type.Union([Type.String(), Type.Number()], { description: 'How long the model stays loaded: seconds, or a time such as "5m".' }),
);

const passedOver = sayable(Type.Integer({ description: "How Ollama runs a model; passed over." }));
const passedSwitch = sayable(Type.Boolean({ description: "How Ollama runs a model; passed over." }));

const Options = Type.Object({
  temperature: sayable(Type.Number()),
  top_p: sayable(Type.Number()),
  top_k: sayable(Type.Integer({ description: "0 or below: off." })),
  min_p: sayable(Type.Number()),
  typical_p: sayable(Type.Number()),
  seed: sayable(Type.Integer()),
  presence_penalty: sayable(Type.Number()),
  frequency_penalty: sayable(Type.Number()),
  repeat_penalty: sayable(Type.Number()),
  repeat_last_n: sayable(Type.Integer()),
  num_predict: sayable(Type.Integer({ description: "Most new tokens; 0 or below: no limit." })),
  num_ctx: sayable(Type.Integer()),
  stop: sayable(Type.Union([Type.String(), Type.Array(Type.String())])),
  num_keep: passedOver,
  num_batch: passedOver,
  num_gpu: passedOver,
  main_gpu: passedOver,
  num_thread: passedOver,
  numa: passedSwitch,
  use_mmap: passedSwitch,
  use_mlock: passedSwitch,
});

/** What both ways to ask for words have. */
const asking = {
  model,
  name,
  stream,
  format: sayable(Type.Union([Type.String(), Type.Object({})], { description: '"json", or a JSON schema.' })),
  options: sayable(Options),
  think: sayable(Type.Union([Type.Boolean(), Type.String()], { description: "Whether to think, or low, medium, high or max." })),
  keep_alive: keepAlive,
  logprobs: sayable(Type.Boolean()),
  top_logprobs: sayable(Type.Integer({ minimum: 0 })),
};

const Message = Type.Object({
  role: Type.String({ description: "system, user, assistant or tool." }),
  content: sayable(Type.String()),
  thinking: sayable(Type.String()),
  images: sayable(Type.Array(Type.String({ description: "Base64." }))),
  tool_calls: sayable(
    Type.Array(
      Type.Object({
        id: sayable(Type.String()),
        function: Type.Object({ name: Type.String(), arguments: sayable(Type.Object({})) }),
      }),
    ),
  ),
  tool_name: sayable(Type.String()),
  tool_call_id: sayable(Type.String()),
});

/** The body of `POST /api/chat`. Without messages the model is loaded, or unloaded where `keep_alive` is 0. */
export const ChatBody = Type.Object({
  ...asking,
  messages: sayable(Type.Array(Message)),
  tools: sayable(Type.Array(Type.Object({ type: sayable(Type.String()), function: Type.Object({ name: Type.String() }) }))),
});

/** The body of `POST /api/generate`. Without a prompt the model is loaded, or unloaded where `keep_alive` is 0. */
export const GenerateBody = Type.Object({
  ...asking,
  prompt: sayable(Type.String()),
  suffix: sayable(Type.String({ description: "What follows the gap that is to be filled." })),
  system: sayable(Type.String()),
  template: sayable(Type.String({ description: "Refused: the model's own template is used." })),
  context: sayable(Type.Array(Type.Integer(), { description: "Refused: send the conversation to /api/chat." })),
  raw: sayable(Type.Boolean()),
  images: sayable(Type.Array(Type.String({ description: "Base64." }))),
});

/** The body of `POST /api/embed`. */
export const EmbedBody = Type.Object({
  model,
  name,
  input: sayable(Type.Union([Type.String(), Type.Array(Type.String())])),
  truncate: sayable(Type.Boolean({ description: "Whether an input that is too long is cut; true unless it is said." })),
  dimensions: sayable(Type.Integer()),
  options: sayable(Options),
  keep_alive: keepAlive,
});

/** The body of `POST /api/embeddings`. */
export const EmbeddingsBody = Type.Object({
  model,
  name,
  prompt: sayable(Type.String()),
  options: sayable(Options),
  keep_alive: keepAlive,
});

/** The body of `POST /api/show`. */
export const ShowBody = Type.Object({
  model,
  name,
  verbose: sayable(
    Type.Boolean({ description: "The same is told either way: lists of the file's header, such as its vocabulary, are left out." }),
  ),
});

/** The body of `POST /api/pull`. */
export const PullBody = Type.Object({
  model: Type.String({ description: "An id of the catalog." }),
  name,
  stream,
  insecure: sayable(Type.Boolean({ description: "Refused where it is true." })),
});

/** The body of `DELETE /api/delete`. */
export const DeleteBody = Type.Object({ model, name });
