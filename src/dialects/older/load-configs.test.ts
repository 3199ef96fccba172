import { expect, it } from "vitest";
import { loadOptionsFrom } from "./load-configs.ts";
import { DistillerRequest } from "./wire/distiller.ts";

it("every name of llama-cpp-python that the document has is one of ours, or changes nothing", () => {
  const load_model_configs = { n_ctx: 512, n_batch: 64, n_threads: 2, n_gpu_layers: 3, flash_attn: false, use_mmap: false, verbose: true };
  const { anyOf } = DistillerRequest.properties.load_model_configs;
  expect(Object.keys(anyOf[0].properties)).toEqual(expect.arrayContaining(Object.keys(load_model_configs)));
  expect(Object.keys(load_model_configs)).toEqual(expect.arrayContaining(Object.keys(anyOf[0].properties)));
  expect(loadOptionsFrom({ load_model_configs })).toMatchObject({
    ...{ contextLength: 512, batchTokens: 64, threads: 2, gpuLayers: 3, flashAttention: false, useMmap: false },
  });
});
