import { create } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { ErrorInfoSchema } from "../../../gen/google/rpc/error_details_pb.ts";
import { ChatRequestSchema, type ChatRequest } from "../../../gen/parley/v1/chat_pb.ts";
import { MessageSchema, Role } from "../../../gen/parley/v1/messages_pb.ts";
import { reasonOf } from "../../core/reasons.ts";
import { only } from "../../core/stream.ts";
import { testContext } from "../../testing/call-context.ts";
import { answerOf, failureOf } from "../../testing/collect-events.ts";
import { userRequest } from "../../testing/sample-request.ts";
import { tinyProvider, type TinyProvider } from "../../testing/tiny-provider.ts";

// Processes are started, and the machine may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let tiny: TinyProvider;
beforeAll(async () => {
  tiny = await tinyProvider();
  await tiny.library.add("tiny");
});
afterAll(() => tiny.close());

const ask = (words: string) => userRequest(words, { model: "tiny", maxTokens: 1 });
const count = (chat: ChatRequest) =>
  only(tiny.provider.countTokens!({ $typeName: "parley.v1.CountTokensRequest", chat }, testContext(chat)));

describe("a prompt that is too long", () => {
  it("is refused by its length alone when it cannot fit, though the engine stands still", async () => {
    await answerOf(tiny.provider, ask("warm"));
    const engine = tiny.pidOf("tiny");
    process.kill(engine, "SIGSTOP");
    try {
      // No token of the tiny model has more than 13 bytes.
      const long = ask("long".repeat(2000));
      for (const work of [() => answerOf(tiny.provider, long), () => count(long)]) {
        const error = await failureOf(work());
        expect(reasonOf(error)).toBe("context_length_exceeded");
        expect(error.rawMessage).toContain("at least 616 tokens");
        expect(error.findDetails(ErrorInfoSchema)[0]?.metadata).toMatchObject({ prompt_tokens: "616", context_length: "512" });
      }
      const rawPrompt = { prompt: { case: "text" as const, value: "é".repeat(4000) } };
      const text = create(ChatRequestSchema, { model: "tiny", rawPrompt });
      expect((await failureOf(answerOf(tiny.provider, text))).rawMessage).toContain("at least 616 tokens");
    } finally {
      process.kill(engine, "SIGCONT");
    }
  });

  it("is refused by its length alone once the template has written it, where messages may be left out", async () => {
    const answered = create(MessageSchema, {
      role: Role.ASSISTANT,
      parts: [{ part: { case: "text", value: { text: "long".repeat(2000) } } }],
    });
    const error = await failureOf(answerOf(tiny.provider, create(ChatRequestSchema, { model: "tiny", messages: [answered] })));
    expect([reasonOf(error), error.rawMessage.includes("at least")]).toEqual(["context_length_exceeded", true]);
  });

  it("is counted when its length alone does not tell", async () => {
    const error = await failureOf(answerOf(tiny.provider, ask("x".repeat(1000))));
    const exact = Number(error.findDetails(ErrorInfoSchema)[0]?.metadata["prompt_tokens"]);
    expect(exact).toBeGreaterThanOrEqual(1000);
    expect(error.rawMessage).toContain(`the prompt has ${exact} tokens,`);
  });
});
