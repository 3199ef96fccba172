import { create } from "@bufbuild/protobuf";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { ChatRequestSchema } from "../../../gen/parley/v1/chat_pb.ts";
import { answerOf, textOf, valuesOf } from "../../testing/collect-events.ts";
import { describeWithRealModel } from "../../testing/real-model.ts";
import { userRequest } from "../../testing/sample-request.ts";
import { tinyProvider, type TinyProvider } from "../../testing/tiny-provider.ts";

// Processes are started, and the machine may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

await describeWithRealModel("SmolLM2-135M-Instruct", (path) => {
  let local: TinyProvider;
  beforeAll(async () => {
    local = await tinyProvider({ load: { sequences: 2, contextLength: 512, threads: 1 } });
    await local.library.addFile("smollm2", path);
  });
  afterAll(() => local.close());
  const sampling = { temperature: 0 };

  it("knows that the capital of France is Paris", async () => {
    const rawPrompt = { prompt: { case: "text" as const, value: "The capital of France is" } };
    const request = create(ChatRequestSchema, { model: "smollm2", maxTokens: 8, rawPrompt, sampling });
    expect(textOf(await answerOf(local.provider, request))).toContain("Paris");
  });

  it("answers a question by its own chat template and ends by itself", async () => {
    const request = userRequest("Name the capital of France.", { model: "smollm2", sampling, maxTokens: 64 });
    const events = await answerOf(local.provider, request);
    expect(textOf(events)).toContain("Paris");
    expect(valuesOf(events, "finished")).toMatchObject([{ rawReason: "end_token" }]);
  });
});
