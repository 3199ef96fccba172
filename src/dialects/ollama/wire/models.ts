import { Type, type Static } from "typebox";

// What is unknown is empty, 0 or the year 1, as Ollama itself writes it: some clients take no answer without these keys.

const Details = Type.Object({
  parent_model: Type.String(),
  format: Type.String({ description: '"gguf" for a file of this machine.' }),
  family: Type.String(),
  families: Type.Array(Type.String()),
  parameter_size: Type.String({ description: 'Such as "134.5M".' }),
  quantization_level: Type.String({ description: 'Such as "Q4_1".' }),
});
/** What a model is made of. */
export type Details = Static<typeof Details>;

const named = {
  name: Type.String(),
  model: Type.String(),
  size: Type.Integer({ description: "Bytes." }),
  digest: Type.String({ description: "SHA-256 of the file where it is known, else of what is told of the model." }),
  details: Details,
};

const ListedModel = Type.Object({
  ...named,
  modified_at: Type.String({ format: "date-time" }),
  capabilities: Type.Array(Type.String()),
});
/** A model that can be asked for. */
export type ListedModel = Static<typeof ListedModel>;

/** The answer of `/api/tags`. */
export const Tags = Type.Object({ models: Type.Array(ListedModel) });
/** The answer of `/api/tags`. */
export type Tags = Static<typeof Tags>;

const RunningModel = Type.Object({
  ...named,
  expires_at: Type.String({
    format: "date-time",
    description: "When it is unloaded unless it is asked for again; centuries ahead: never.",
  }),
  size_vram: Type.Integer({ description: "Bytes on GPUs." }),
  context_length: Type.Integer(),
});
/** A model that is loaded on this machine. */
export type RunningModel = Static<typeof RunningModel>;

/** The answer of `/api/ps`. */
export const Running = Type.Object({ models: Type.Array(RunningModel) });
/** The answer of `/api/ps`. */
export type Running = Static<typeof Running>;

/** The answer of `/api/show`. */
export const Shown = Type.Object({
  modelfile: Type.String(),
  parameters: Type.Optional(Type.String({ description: "Lines of name and value; absent where none are set." })),
  template: Type.String({ description: "The chat template, in Jinja; empty where it is not known." }),
  license: Type.Optional(Type.String({ description: "SPDX id." })),
  details: Details,
  model_info: Type.Record(Type.String(), Type.Unknown(), { description: "What the file's header says; lists are null." }),
  capabilities: Type.Array(Type.String()),
  modified_at: Type.String({ format: "date-time" }),
});
/** The answer of `/api/show`. */
export type Shown = Static<typeof Shown>;

/** The answer of `/api/version`. */
export const Version = Type.Object({
  version: Type.String({ description: "The version of Ollama whose API this is." }),
  parley: Type.String({ description: "Of the service itself." }),
});
/** The answer of `/api/version`. */
export type Version = Static<typeof Version>;

/** The answer of `/api/pull`, or one line of it. */
export const PullStatus = Type.Object({
  status: Type.String({ description: '"success" at the end.' }),
  digest: Type.Optional(Type.String()),
  total: Type.Optional(Type.Integer({ description: "Bytes." })),
  completed: Type.Optional(Type.Integer({ description: "Bytes." })),
});
/** The answer of `/api/pull`, or one line of it. */
export type PullStatus = Static<typeof PullStatus>;
