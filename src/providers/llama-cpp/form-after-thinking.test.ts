import { create } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { FinishReason } from "../../../gen/parley/v1/chat_pb.ts";
import { ToolChoiceMode } from "../../../gen/parley/v1/messages_pb.ts";
import { SamplingSchema } from "../../../gen/parley/v1/sampling_pb.ts";
import { answerOf, textOf, valuesOf } from "../../testing/collect-events.ts";
import { userRequest } from "../../testing/sample-request.ts";
import { tinyProvider, type TinyProvider } from "../../testing/tiny-provider.ts";

// A model is loaded, and the machine may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const chatTemplate =
  "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}" +
  "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n<think>\n' }}{% endif %}";

describe("a model that ends while it thinks", () => {
  let tiny: TinyProvider;
  beforeAll(async () => {
    tiny = await tinyProvider();
    await tiny.library.add("thinker", { ends: "sometimes", seed: 5, chatTemplate });
  });
  afterAll(() => tiny.close());

  const seeds = Array.from({ length: 8 }, (_, index) => BigInt(index + 1));
  const asked = (more: Parameters<typeof userRequest>[1]) =>
    Promise.all(
      seeds.map(async (seed) => {
        const sampling = create(SamplingSchema, { temperature: 1, seed });
        const request = userRequest("go", { model: "thinker", maxTokens: 400, ...more, sampling });
        const events = await answerOf(tiny.provider, request);
        return { events, reason: valuesOf(events, "finished")[0]?.reason };
      }),
    );

  it("has ended nothing but its thinking where a form is asked for", async () => {
    const answers = await asked({ responseFormat: { format: { case: "jsonSchema", value: { name: "x", schema: '{"enum":["a","b"]}' } } } });
    const ended = answers.filter(({ reason }) => reason === FinishReason.STOP);
    expect(ended).toHaveLength(seeds.length);
    for (const { events } of ended) expect(["a", "b"]).toContain(JSON.parse(textOf(events)));
  });

  it("calls a tool where one is required", async () => {
    const tools = [{ tool: { case: "function" as const, value: { name: "nop" } } }];
    const answers = await asked({ tools, toolChoice: { mode: ToolChoiceMode.REQUIRED }, parallelToolCalls: false });
    const ended = answers.filter(({ reason }) => reason !== FinishReason.LENGTH);
    expect(ended).toHaveLength(seeds.length);
    for (const { events } of ended) expect(valuesOf(events, "toolCall").map(({ name }) => name)).toContain("nop");
  });

  it("has ended its answer where none is", async () => {
    const answers = await asked({});
    expect(answers.map(({ events }) => textOf(events))).toContain("");
  });
});
