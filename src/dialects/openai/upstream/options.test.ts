import type { JsonObject } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { reasonThrown } from "../../../testing/openai-chunks.ts";
import { userRequest } from "../../../testing/sample-request.ts";
import { openaiDialect, type OpenAISettings } from "./dialect.ts";

const bodyOf = (settings: OpenAISettings, providerOptions: JsonObject, more: Parameters<typeof userRequest>[1] = {}) =>
  openaiDialect(settings).chat(userRequest("Hello", { model: "there", providerOptions, ...more }), { isStream: false }).body;
const openai = { kind: "openai", quirks: {} } as const;

describe("options of an upstream", () => {
  it("are sent from under its kind and from under its own name, which goes before; others' are not", () => {
    const options = {
      openai: { service_tier: "flex", store: true },
      mine: { service_tier: "default" },
      anthropic: { service_tier: "auto" },
    };
    expect(bodyOf({ ...openai, name: "mine" }, options)).toMatchObject({ service_tier: "default", store: true });
    expect(bodyOf(openai, options)).toMatchObject({ service_tier: "flex", store: true });
    expect(bodyOf({ kind: "vllm", quirks: {} }, options)).not.toHaveProperty("service_tier");
  });

  it("are not sent where they are null, which says nothing", () => {
    expect(bodyOf(openai, { openai: { verbosity: null, store: true } })).not.toHaveProperty("verbosity");
  });

  it("are refused where the kind is not known to have them, unless the operator lets all pass", () => {
    const options = { openai: { logits_processors: ["x"] } };
    expect(reasonThrown(() => bodyOf(openai, options))).toBe("unsupported_field");
    expect(bodyOf({ ...openai, quirks: { options: "any" } }, options)).toMatchObject({ logits_processors: ["x"] });
  });

  it.each(["model", "models", "messages", "stream", "n", "route"])("never say who answers or how the answer is read: %s", (name) => {
    expect(reasonThrown(() => bodyOf({ ...openai, quirks: { options: "any" } }, { openai: { [name]: "x" } }))).toBe("invalid_request");
  });

  it("never contradict a field of the request", () => {
    const given = { kind: "openai", quirks: { options: "any" } } as const;
    expect(reasonThrown(() => bodyOf(given, { openai: { temperature: 1 } }, { sampling: { temperature: 0 } }))).toBe("invalid_request");
  });

  it("join what is said of OpenRouter's own upstreams", () => {
    const options = { openrouter: { provider: { order: ["a"] } } };
    expect(bodyOf({ kind: "openrouter", quirks: {} }, options, { topLogprobs: 1 })).toMatchObject({
      provider: { require_parameters: true, order: ["a"] },
    });
  });

  it("are objects", () => {
    expect(reasonThrown(() => bodyOf(openai, { openai: "flex" }))).toBe("invalid_request");
  });
});
