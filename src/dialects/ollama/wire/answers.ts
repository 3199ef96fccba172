import { Type, type Static } from "typebox";

const createdAt = Type.String({ format: "date-time" });
const nanoseconds = Type.Optional(Type.Integer({ description: "Nanoseconds." }));

const Metrics = Type.Object({
  total_duration: nanoseconds,
  load_duration: nanoseconds,
  prompt_eval_count: Type.Optional(Type.Integer()),
  prompt_eval_cached_count: Type.Optional(Type.Integer()),
  prompt_eval_duration: nanoseconds,
  eval_count: Type.Optional(Type.Integer()),
  eval_duration: nanoseconds,
});
/** What a call took. */
export type Metrics = Static<typeof Metrics>;

const Token = {
  token: Type.String(),
  logprob: Type.Number(),
  bytes: Type.Array(Type.Integer()),
};

const Logprob = Type.Object({ ...Token, top_logprobs: Type.Array(Type.Object(Token)) });
/** A token with its probability. */
export type Logprob = Static<typeof Logprob>;

const CalledTool = Type.Object({
  id: Type.String(),
  function: Type.Object({ index: Type.Integer(), name: Type.String(), arguments: Type.Record(Type.String(), Type.Unknown()) }),
});
/** A call of a tool. */
export type CalledTool = Static<typeof CalledTool>;

const said = {
  model: Type.String(),
  created_at: createdAt,
  done: Type.Boolean(),
  done_reason: Type.Optional(Type.String({ description: "With the last line: stop, length, load or unload." })),
  ...Metrics.properties,
  logprobs: Type.Optional(Type.Array(Logprob)),
};

/** An answer of `/api/chat`, or one line of it. */
export const ChatLine = Type.Object({
  ...said,
  message: Type.Object({
    role: Type.Literal("assistant"),
    content: Type.String(),
    thinking: Type.Optional(Type.String()),
    tool_calls: Type.Optional(Type.Array(CalledTool)),
  }),
});
/** An answer of `/api/chat`, or one line of it. */
export type ChatLine = Static<typeof ChatLine>;

/** An answer of `/api/generate`, or one line of it. */
export const GenerateLine = Type.Object({
  ...said,
  response: Type.String(),
  thinking: Type.Optional(Type.String()),
  tool_calls: Type.Optional(Type.Array(CalledTool)),
});
/** An answer of `/api/generate`, or one line of it. */
export type GenerateLine = Static<typeof GenerateLine>;

/** The answer of `/api/embed`. */
export const Embedded = Type.Object({
  model: Type.String(),
  embeddings: Type.Array(Type.Array(Type.Number()), { description: "Of length 1, one an input." }),
  total_duration: nanoseconds,
  load_duration: nanoseconds,
  prompt_eval_count: Type.Optional(Type.Integer()),
});
/** The answer of `/api/embed`. */
export type Embedded = Static<typeof Embedded>;

/** The answer of `/api/embeddings`. */
export const OneEmbedding = Type.Object({ embedding: Type.Array(Type.Number()) });
/** The answer of `/api/embeddings`. */
export type OneEmbedding = Static<typeof OneEmbedding>;
