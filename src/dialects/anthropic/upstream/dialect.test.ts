import { fromJson, type JsonValue } from "@bufbuild/protobuf";
import type Anthropic from "@anthropic-ai/sdk";
import { describe, expect, it } from "vitest";
import { ChatRequestSchema } from "../../../../gen/parley/v1/chat_pb.ts";
import { Capability } from "../../../../gen/parley/v1/models_pb.ts";
import { fieldOf, reasonOf } from "../../../core/reasons.ts";
import { userRequest } from "../../../testing/sample-request.ts";
import { thrownBy } from "../../../testing/thrown-by.ts";
import { anthropicDialect } from "./dialect.ts";
import { messagesBody } from "./request.ts";
import { anthropicTraits } from "./traits.ts";

const request = userRequest("Hello there", { model: "claude-sonnet-4-5" });
const dialect = anthropicDialect({ kind: "anthropic", quirks: {} });

describe("a request to Anthropic", () => {
  it("has the types of the maker's own library", () => {
    // The compiler is the test; what runs shows that the body is the one that was typed.
    const body: Anthropic.MessageCreateParams = messagesBody(request, { isStream: false, traits: anthropicTraits({}) });
    expect(dialect.chat(request, { isStream: false }).body).toEqual(body);
  });

  it("names the pinned version, and the key in its own header", () => {
    expect(dialect.chat(request, { isStream: true })).toMatchObject({
      path: "/v1/messages",
      headers: { "anthropic-version": "2023-06-01" },
    });
    expect(dialect.authorize("k")).toEqual({ "x-api-key": "k" });
  });

  it.each([
    [{ betas: ["a\r\nx-api-key: k"] }, "betas"],
    [{ betas: "a" }, "betas"],
    [{ thinking: { type: "enabled", budget_tokens: 10 } }, "thinking.budget_tokens"],
    [{ output_config: { effort: "none" } }, "output_config.effort"],
    [{ context_management: [] }, "context_management"],
  ])("refuses options that are none of the API's, whoever sends them: %j", (anthropic, field) => {
    const asking = () => dialect.chat({ ...request, providerOptions: { anthropic } }, { isStream: false });
    expect(fieldOf(thrownBy(asking))).toBe(`provider_options.anthropic.${field}`);
  });

  it("heeds the quirks of its upstream, and refuses unknown ones", () => {
    const quirky = anthropicDialect({
      kind: "anthropic",
      quirks: { maxTokens: "100", thinking: "adaptive", prefill: "refused", jsonSchema: "refused" },
    });
    expect(quirky.canContinue).toBe(false);
    expect(quirky.fields["continue_final_message"]).toMatchObject({ is: "refused" });
    expect(quirky.fields["response_format.json_schema"]).toMatchObject({ is: "refused" });
    const thinking = fromJson(ChatRequestSchema, {
      messages: [{ role: "ROLE_USER", parts: [{ text: { text: "x" } }] }],
      reasoning: { effort: "REASONING_EFFORT_XHIGH" },
    });
    expect(quirky.chat(thinking, { isStream: true }).body).toMatchObject({
      max_tokens: 100,
      thinking: { type: "adaptive" },
      output_config: { effort: "xhigh" },
    });
    for (const [name, value] of Object.entries({ colour: "red", thinking: "hard", maxTokens: "0" }))
      expect(fieldOf(thrownBy(() => anthropicDialect({ kind: "anthropic", quirks: { [name]: value } })))).toBe(`quirks.${name}`);
  });
});

describe("Anthropic's list of models", () => {
  it("is asked for in one page, and read with what it tells of each", () => {
    expect(dialect.listModels()).toMatchObject({ method: "GET", path: "/v1/models?limit=1000" });
    const body: JsonValue = {
      data: [
        {
          type: "model",
          id: "claude-sonnet-4-5-20250929",
          display_name: "Claude Sonnet 4.5",
          created_at: "2025-09-29T00:00:00Z",
          max_input_tokens: 200_000,
          capabilities: { image_input: { supported: true }, thinking: { supported: true }, pdf_input: { supported: false } },
        },
        { id: "other" },
        { id: 7 },
        null,
      ],
      has_more: false,
    };
    const models = dialect.models(body, "claude");
    expect(models).toMatchObject([
      { id: "claude-sonnet-4-5-20250929", title: "Claude Sonnet 4.5", provider: "claude", ownedBy: "anthropic", contextLength: 200_000 },
      { id: "other", title: "other" },
    ]);
    expect(models[0]?.capabilities).toEqual([Capability.CHAT, Capability.TOOLS, Capability.VISION, Capability.REASONING]);
    expect(reasonOf(thrownBy(() => dialect.models({ models: [] }, "claude")))).toBe("provider_malformed");
  });
});
