import { expect, it } from "vitest";
import { lastNativeLine } from "./native-line.ts";

const generic = "llama.cpp said why in words that the log alone tells";

it.each([
  ["error: llama_model_load: error loading model: missing tensor 'token_embd.weight'", "llama: error loading model: missing tensor"],
  ["error: llama_model_load: error loading model: my secret", "llama: error loading model"],
  [
    "error: llama_model_load: error loading model hyperparameters: key not found in model: x.y",
    "llama: error loading model hyperparameters",
  ],
  ["/build/secret/ggml.c:123: GGML_ASSERT(a < b) failed", "ggml.c:123: GGML_ASSERT failed"],
  [String.raw`C:\secret\llama-context.cpp:9: GGML_ASSERT(n == 1) failed`, "llama-context.cpp:9: GGML_ASSERT failed"],
  ["/build/ggml-cuda.cu:77: my secret", "ggml-cuda.cu:77: llama.cpp gave up"],
  ["/build/secret.c:5: GGML_ASSERT(my secret) failed", "GGML_ASSERT failed"],
  ["error: ggml_backend_cuda: failed to allocate CUDA0 buffer of size 1048576", "ggml: failed to allocate CUDA0 buffer of size 1048576"],
  ["error: ggml_aligned_malloc: failed to allocate 12.50 MB", "ggml: failed to allocate 12.50 MB"],
  ["terminate called after throwing an instance of 'std::bad_alloc'", "ggml: out of memory"],
  ["error: ggml_vulkan: my secret: ErrorOutOfDeviceMemory", "ggml: out of memory"],
  ["error: gguf_init_from_file_impl: invalid magic characters: 'abcd', expected 'GGUF'", "gguf: invalid magic characters"],
  ["error: llama_decode: failed to decode, ret = -3", "llama: failed to decode, ret = -3"],
  ["error: \u001b[31mllama_x: failed to initialize the context: my secret\u001b[0m", "llama: failed to initialize the context"],
  ["error: ggml: out of memory\nerror: something new\n    at /secret/main.ts:1:2", "ggml: out of memory"],
  ["TypeError: the prompt is hello\n    at /secret/main.ts:1:2", ""],
  ["", ""],
])("of %j callers are told %j", (words, told) => {
  expect(lastNativeLine(words)).toBe(told);
});

it.each([
  "error: can't tokenize 'my secret prompt'",
  "error: cannot tokenize ‹my secret prompt›",
  "warn: “my secret prompt”",
  "error: my secret prompt",
  "fatal: my secret prompt",
  "warn: llama_my_secret_prompt: my secret prompt",
  "error: llama_tokenize: failed to allocate my secret prompt",
  "what():  my secret prompt",
  "error: no such 'key of llama-my-secret.c:1: x'",
])("words that may be a caller's are told nobody: %s", (words) => {
  expect(lastNativeLine(words)).toBe(generic);
});

it("what is told is short, and found fast however long the words are", () => {
  const startedMs = performance.now();
  for (const piece of ["/", "'", "/a", `"\\`, "a_", "ggml", "tensor ", "error loading model: ", "1", "failed to allocate "])
    expect(lastNativeLine(`error: ${piece.repeat(5000)}`).length).toBeLessThan(100);
  expect(performance.now() - startedMs).toBeLessThan(500);
});
