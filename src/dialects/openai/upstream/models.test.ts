import { describe, expect, it } from "vitest";
import { Capability, ModelState } from "../../../../gen/parley/v1/models_pb.ts";
import { reasonThrown } from "../../../testing/openai-chunks.ts";
import { openaiDialect } from "./dialect.ts";

const dialect = openaiDialect({ kind: "lan", quirks: {} });
const idsOf = (body: unknown) => dialect.models(body, "upstream").map(({ id }) => id);

describe("models of an upstream", () => {
  it("are asked for below its base URL", () => {
    expect(dialect.listModels()).toEqual({ method: "GET", path: "/models", body: undefined, headers: {} });
  });

  it("have their own ids, their maker, their age, and their context under each server's name for it", () => {
    const data = [
      { id: "gpt-4o", object: "model", created: 1715367049, owned_by: "system" },
      { id: "Qwen/Qwen3-8B", max_model_len: 40960, owned_by: "vllm", created: 1 },
      { id: "anthropic/claude", name: "Anthropic: Claude", context_length: 200000 },
      { id: "local", meta: { n_ctx_train: 131072 } },
      { id: "bge-small-en" },
    ];
    const models = dialect.models({ object: "list", data }, "upstream");
    expect(models.map(({ id, title, ownedBy, contextLength }) => [id, title, ownedBy, contextLength])).toEqual([
      ["gpt-4o", "gpt-4o", "system", undefined],
      ["Qwen/Qwen3-8B", "Qwen/Qwen3-8B", "vllm", 40960],
      ["anthropic/claude", "Anthropic: Claude", "upstream", 200000],
      ["local", "local", "upstream", 131072],
      ["bge-small-en", "bge-small-en", "upstream", undefined],
    ]);
    expect(models[0]).toMatchObject({ provider: "upstream", state: ModelState.READY, created: { seconds: 1715367049n } });
    expect(models.map(({ capabilities }) => capabilities[0])).toEqual([...Array<Capability>(4).fill(Capability.CHAT), Capability.EMBED]);
  });

  it("can do what their lists say of them", () => {
    const told = { id: "a", architecture: { input_modalities: ["text", "image"] }, supported_parameters: ["tools", "reasoning"] };
    expect(dialect.models([told], "upstream")[0]?.capabilities).toEqual([
      Capability.CHAT,
      Capability.VISION,
      Capability.TOOLS,
      Capability.REASONING,
    ]);
  });

  it("have no context and no age where the upstream tells none that could be", () => {
    for (const senseless of [0, -1, 1.5, "8192", 2 ** 40]) {
      const [model] = dialect.models([{ id: "a", context_length: senseless, created: senseless }], "upstream");
      expect([model?.contextLength, model?.created]).toEqual([undefined, undefined]);
    }
  });

  it("may come as a bare list, and without what is no model", () => {
    expect(idsOf([{ id: "a" }, { id: "" }, { id: 5 }, null, { id: "b".repeat(300) }, { id: "c", created: 1e300, meta: null }])).toEqual([
      "a",
      "c",
    ]);
  });

  it("are malformed when there is no list, which a wrong base URL looks like", () => {
    for (const body of [undefined, {}, "<html>", { data: {} }]) expect(reasonThrown(() => idsOf(body))).toBe("provider_malformed");
  });
});
