import { describe, expect, it } from "vitest";
import { isModelId } from "./model-id.ts";

describe("model ids", () => {
  it.each(["a", "meta-llama/Llama-3.1-8B", "llama3.1:8b", "x@y+z_1"])("accept %s", (id) => expect(isModelId(id)).toBe(true));
  it.each(["", "../a", "a/../b", "/etc/passwd", "a//b", ".hidden", "a b", "a\n", "C:\\x", "a/.", "m".repeat(257)])("refuse %j", (id) =>
    expect(isModelId(id)).toBe(false),
  );
});
