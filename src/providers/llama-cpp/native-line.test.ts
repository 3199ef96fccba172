import { expect, it } from "vitest";
import { lastNativeLine } from "./native-line.ts";

it.each([
  [
    "a line of our logger",
    "error: llama_model_load: error loading model: missing tensor",
    "error: llama_model_load: error loading model: missing tensor",
  ],
  ["the last of several", "warn: one\nerror: two\nsomething else", "error: two"],
  ["without the folder of a file", "error: cannot map /secret/folder/m.gguf: no memory", "error: cannot map m.gguf: no memory"],
  ["without a folder of Windows", String.raw`error: cannot map C:\secret\folder\m.gguf`, "error: cannot map m.gguf"],
  [
    "of an assertion, without where it was built",
    "/build/secret/ggml.c:123: GGML_ASSERT(a < b) failed",
    "ggml.c:123: GGML_ASSERT(a < b) failed",
  ],
  ["without what it quotes", `error: no such key 'a secret' or "another one`, "error: no such key ... or ..."],
  ["without colours and controls", "error: \u001b[31mred\u001b[0m\u0007 \u202eend\r", "error: red end"],
  ["none where nothing native was said", "TypeError: the prompt is hello\n    at /secret/main.ts:1:2", ""],
  ["none where nothing was said", "", ""],
])("what callers are told of a process's last words is %s", (_what, words, told) => {
  expect(lastNativeLine(words)).toBe(told);
});

it("a line is told up to 200 bytes, and read fast however long it is", () => {
  expect(Buffer.byteLength(lastNativeLine(`error: ${"ü".repeat(1000)}`))).toBeLessThanOrEqual(200);
  const startedMs = performance.now();
  for (const piece of ["/", "'", "/a", `"\\`, "a_"]) lastNativeLine(`error: ${piece.repeat(5000)}`);
  expect(performance.now() - startedMs).toBeLessThan(500);
});
