import { describe, expect, it } from "vitest";
import { userRequest } from "../../../testing/sample-request.ts";
import { reasonThrown } from "../../../testing/openai-chunks.ts";
import { Role } from "../../../../gen/parley/v1/messages_pb.ts";
import { refusedFields } from "../../../core/fields.ts";
import { openaiDialect } from "./dialect.ts";
import { quirksOf, quirks } from "./quirks.ts";

describe("quirks", () => {
  it("are a kind's own unless the configuration says otherwise", () => {
    expect(quirksOf("openai", {}).developerRole).toBe("developer");
    expect(quirksOf("openai", { developerRole: "system" })).toEqual({ ...quirksOf("openai", {}), developerRole: "system" });
  });

  it("are refused with the list of those there are, and with their values", () => {
    const message = (given: Readonly<Record<string, string>>) => {
      try {
        openaiDialect({ kind: "lan", quirks: given });
      } catch (error) {
        return String(error);
      }
      return "";
    };
    expect(message({ developerrole: "system" })).toContain(
      `quirks.developerrole: there is no such quirk; known are ${Object.keys(quirks).join(", ")}`,
    );
    expect(message({ developerRole: "user" })).toContain(`quirks.developerRole: "user" is none of developer, system`);
    expect(message({ constructor: "x" })).toContain("there is no such quirk");
    expect(message({ seed: "toString" })).toContain("is none of sent, refused");
  });

  it("belong to kinds that speak OpenAI's format alone", () => {
    expect(reasonThrown(() => openaiDialect({ kind: "ollama", quirks: {} }))).toBe("invalid_request");
  });

  it("change the table of fields with what is sent", () => {
    const seeded = userRequest("Hello", { sampling: { seed: 1n } });
    const dialect = openaiDialect({ kind: "deepseek", quirks: { seed: "sent" } });
    expect(refusedFields(seeded, dialect.fields)).toEqual([]);
    expect(dialect.chat(seeded, { isStream: false }).body).toMatchObject({ seed: 1 });
  });

  it("say how an answer is gone on from", () => {
    const [question] = userRequest("Count").messages;
    const request = userRequest("", {
      messages: [question!, { role: Role.ASSISTANT, parts: [{ part: { case: "text", value: { text: "one," } } }] }],
      continueFinalMessage: true,
    });
    const beta = openaiDialect({ kind: "deepseek", quirks: { continuation: "prefix" } });
    expect(beta.canContinue).toBe(true);
    expect(beta.chat(request, { isStream: false }).body?.["messages"]).toMatchObject([{}, { role: "assistant", prefix: true }]);
    const canContinue = (["vllm", "llama-server", "openai", "openrouter"] as const).filter(
      (kind) => openaiDialect({ kind, quirks: {} }).canContinue,
    );
    expect(canContinue).toEqual(["vllm", "llama-server"]);
  });

  it("put an effort where a template finds it, which the caller's own variables go before", () => {
    const dialect = openaiDialect({ kind: "vllm", quirks: { reasoningEffort: "template" } });
    const request = userRequest("Hello", { reasoning: { effort: 5 }, chatTemplateOptions: { enable_thinking: false } });
    expect(dialect.chat(request, { isStream: false }).body).toMatchObject({
      chat_template_kwargs: { enable_thinking: false, reasoning_effort: "high" },
    });
  });

  it("keep a stream from being asked for its usage", () => {
    const { body } = openaiDialect({ kind: "lan", quirks: { streamUsage: "dropped" } }).chat(userRequest("Hello"), { isStream: true });
    expect(body).not.toHaveProperty("stream_options");
  });
});
