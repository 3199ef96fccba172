import { create } from "@bufbuild/protobuf";
import { EmbedResponseSchema, type EmbedInput, type EmbedRequest, type EmbedResponse } from "../../../gen/parley/v1/embeddings_pb.ts";
import { UsageSource } from "../../../gen/parley/v1/usage_pb.ts";
import type { CallContext } from "../../core/context.ts";
import { invalidField } from "../../core/reasons.ts";
import type { LocalEngines } from "./local-engines.ts";
import { refuseOwnOptions } from "./own-options.ts";

/** So many inputs are asked for at a time: a message between the processes is never of many megabytes. */
const inputsAtOnce = 64;

/** Makes the vectors of a request, with the model's own length or shorter. */
export async function embed(engines: LocalEngines, request: EmbedRequest, { signal }: CallContext): Promise<EmbedResponse> {
  const { model, dimensions, providerOptions, truncate: isCut } = request;
  refuseOwnOptions(["provider_options", providerOptions]);
  const { engine, about, loadMs, release } = await engines.lease(model, signal, "embed");
  try {
    const length = dimensions ?? about.vectorLength;
    if (length > about.vectorLength) throw invalidField("dimensions", `${length} is more than the ${about.vectorLength} of this model`);
    const inputs = request.inputs.map(({ input }, index) => engineInput(input, index));
    const embeddings: { readonly values: number[] }[] = [];
    let promptTokens = 0;
    for (let firstIndex = 0; firstIndex < inputs.length; firstIndex += inputsAtOnce) {
      const some = inputs.slice(firstIndex, firstIndex + inputsAtOnce);
      const answer = await engine.ask({ type: "embed", inputs: some, firstIndex, isCut }, signal);
      promptTokens += answer.promptTokens;
      for (const vector of answer.vectors) embeddings.push({ values: shortened(vector, length) });
    }
    return create(EmbedResponseSchema, {
      model,
      embeddings,
      usage: { promptTokens, source: UsageSource.PROVIDER },
      timings: loadMs === undefined ? {} : { loadMs: Math.round(loadMs) },
    });
  } finally {
    release();
  }
}

function engineInput(input: EmbedInput["input"], index: number): string | number[] {
  if (input.case === undefined) throw invalidField(`inputs[${index}]`, "has neither text nor token_ids");
  return input.case === "text" ? input.value : input.value.ids;
}

/** The first numbers of a vector, of length 1 again. */
function shortened(base64: string, dimensions: number): number[] {
  const bytes = Buffer.from(base64, "base64");
  const values = Array.from({ length: dimensions }, (_, index) => bytes.readFloatLE(index * 4));
  if (dimensions * 4 === bytes.length) return values;
  const norm = Math.hypot(...values);
  if (norm === 0) throw invalidField("dimensions", `the first ${dimensions} numbers of this vector are all 0: ask for more`);
  return values.map((value) => Math.fround(value / norm));
}
