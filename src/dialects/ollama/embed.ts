import { create } from "@bufbuild/protobuf";
import { EmbedRequestSchema, type EmbedRequest, type EmbedResponse } from "../../../gen/parley/v1/embeddings_pb.ts";
import { booleanAt, defined, integerAt, listAt, objectAt, read, textAt, type Json } from "../openai/read.ts";
import { modelAt } from "./names.ts";
import { askedLoad, askedStay, serverOptions, type AskedLoad } from "./load.ts";
import type { Embedded, OneEmbedding } from "./wire/answers.ts";

/** What a body of `/api/embed` or `/api/embeddings` asks for. */
export interface AskedVectors {
  readonly request: EmbedRequest;
  /** What is to be done with the model, where there is nothing to embed. */
  readonly load: AskedLoad | undefined;
  /** For how long the model is to stay once it has answered; undefined: as it was. */
  readonly stay: number | undefined;
}

/** Reads the body of `POST /api/embed`. Throws `invalid_request` and `unsupported_field`. */
export function embedRequestFromOllama(json: unknown): AskedVectors {
  const body = objectAt(json, "body");
  return asked(body, read(body, "input", inputsAt) ?? [], read(body, "truncate", booleanAt) ?? true);
}

/** Reads the body of `POST /api/embeddings`, the older way to ask for one vector. Throws as the other does. */
export function embeddingsRequestFromOllama(json: unknown): AskedVectors {
  const body = objectAt(json, "body");
  const prompt = read(body, "prompt", textAt) ?? "";
  return asked(body, prompt === "" ? [] : [prompt], true);
}

function inputsAt(value: unknown, path: string): string[] {
  if (!Array.isArray(value)) return value === "" ? [] : [textAt(value, path)];
  return listAt(value, path).map((item, index) => textAt(item, `${path}[${index}]`));
}

function asked(body: Json, texts: readonly string[], truncate: boolean): AskedVectors {
  const { passed, options, keepAlive } = serverOptions(body);
  const { typical_p: _, ...ollama } = passed;
  const request = create(
    EmbedRequestSchema,
    defined({
      model: modelAt(body),
      inputs: texts.map((value) => ({ input: { case: "text" as const, value } })),
      dimensions: read(body, "dimensions", integerAt),
      truncate,
      providerOptions: Object.keys(ollama).length === 0 ? undefined : { ollama },
    }),
  );
  if (texts.length === 0) return { request, load: askedLoad(keepAlive, options.options), stay: undefined };
  return { request, load: undefined, stay: askedStay(keepAlive) };
}

/** The answer of `/api/embed`, under the name that the caller knows the model by. */
export function embedResponseToOllama({ embeddings, usage, timings }: EmbedResponse, model: string): Embedded {
  const ns = (ms: number | undefined) => (ms === undefined ? undefined : ms * 1_000_000);
  return {
    model,
    embeddings: embeddings.map(({ values }) => values),
    ...defined({
      total_duration: ns(timings?.totalMs),
      load_duration: ns(timings?.loadMs),
      prompt_eval_count: usage?.promptTokens,
    }),
  };
}

/** The answer of `/api/embeddings`. */
export function oneEmbeddingToOllama({ embeddings }: Pick<EmbedResponse, "embeddings">): OneEmbedding {
  return { embedding: embeddings[0]?.values ?? [] };
}
