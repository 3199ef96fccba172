import { fromJson } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { ChatRequestSchema } from "../../gen/parley/v1/chat_pb.ts";
import { fieldOf, reasonOf } from "../core/reasons.ts";
import { thrownBy } from "../testing/thrown-by.ts";
import { anthropicDialect } from "./anthropic/upstream/dialect.ts";
import { givenOptions, optionKeys } from "./given-options.ts";
import { ollamaDialect } from "./ollama/upstream/dialect.ts";

const place = { keys: optionKeys("ollama", "gpu-box"), known: ["a", "b"], at: "provider_options" };

describe("options of an upstream", () => {
  it("are those of its kind, and before them those of its own name", () => {
    const given = givenOptions({ ollama: { a: 1, b: 2 }, "gpu-box": { b: 3, a: null }, other: { c: 4 } }, place);
    expect([...given]).toEqual([
      ["a", { value: 1, field: "provider_options.ollama.a" }],
      ["b", { value: 3, field: "provider_options.gpu-box.b" }],
    ]);
    expect(givenOptions(undefined, place).size).toBe(0);
  });

  it.each([
    [{ ollama: 7 }, "invalid_request", "provider_options.ollama"],
    [{ ollama: [] }, "invalid_request", "provider_options.ollama"],
    [{ "gpu-box": { c: 1 } }, "unsupported_field", "provider_options.gpu-box.c"],
    [{ ollama: { __proto__: null, toString: 1 } }, "unsupported_field", "provider_options.ollama.toString"],
  ])("that nobody knows are refused where they stand: %j", (options, reason, field) => {
    const error = thrownBy(() => givenOptions(options, place));
    expect([reasonOf(error), fieldOf(error)]).toEqual([reason, field]);
  });

  it("reach both formats by the upstream's name", () => {
    const hi = {
      role: "ROLE_USER",
      parts: [{ text: { text: "hi" }, providerOptions: { mine: { cache_control: { type: "ephemeral" } } } }],
    };
    const claude = anthropicDialect({ kind: "anthropic", name: "mine", quirks: {} });
    const asked = fromJson(ChatRequestSchema, { messages: [hi], providerOptions: { mine: { service_tier: "auto" } } });
    expect(claude.chat(asked, { isStream: true }).body).toMatchObject({
      service_tier: "auto",
      messages: [{ content: [{ text: "hi", cache_control: { type: "ephemeral" } }] }],
    });
    const box = ollamaDialect({ kind: "ollama", name: "mine", quirks: {} });
    const sized = fromJson(ChatRequestSchema, { messages: [hi], providerOptions: { mine: { num_ctx: 512 } } });
    expect(box.chat(sized, { isStream: true }).body).toMatchObject({ options: { num_ctx: 512 } });
  });
});
