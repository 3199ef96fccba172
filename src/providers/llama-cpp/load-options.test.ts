import { expect, it } from "vitest";
import { defaultLimits } from "../../core/limits.ts";
import { engineLoad } from "./load-options.ts";

it("an engine is held to the limits of its service, each to its own", () => {
  const limits = { ...defaultLimits, engineQueue: 1, engineQueueMs: 2, prefillChunkTokens: 3, interTokenMs: 4, tokenWaitMs: 5 };
  const load = engineLoad({ useMmap: true }, { modelPath: "a.gguf", gpu: "none", limits, sha256: "", dataDirectory: undefined });
  expect(load).toMatchObject({ queueLength: 1, queueMs: 2, prefillChunkTokens: 3, interTokenMs: 4, tokenWaitMs: 5, useMmap: true });
});
