import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { ChatRequestSchema } from "../../../../gen/parley/v1/chat_pb.ts";
import { MessageSchema, Role } from "../../../../gen/parley/v1/messages_pb.ts";
import { UsageSource } from "../../../../gen/parley/v1/usage_pb.ts";
import { fateOf, fieldPaths } from "../../../core/fields.ts";
import { fieldOf, reasonOf, type Reason } from "../../../core/reasons.ts";
import { outlineOf, textOf, valuesOf } from "../../../testing/collect-events.ts";
import { userRequest } from "../../../testing/sample-request.ts";
import { rawDialect } from "./dialect.ts";

const dialect = rawDialect();
const asked = { provider: "old", model: "m", isCallersKey: false };

function said(...turns: readonly (readonly [Role, string])[]) {
  const messages = turns.map(([role, text]) => create(MessageSchema, { role, parts: [{ part: { case: "text", value: { text } } }] }));
  return create(ChatRequestSchema, { messages });
}

function reasonThrown(work: () => unknown): Reason | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    return reasonOf(error);
  }
}

describe("a request in the raw format", () => {
  it("has the prompt as it is written, the length and the temperature, and no more", () => {
    const request = userRequest("why?", { model: "m", maxTokens: 9, sampling: { temperature: 0.5 } });
    expect(dialect.chat(request, { isStream: true })).toEqual({
      method: "POST",
      path: "/llm",
      body: { prompt: "why?", max_tokens: 9, temperature: 0.5 },
      headers: {},
    });
    const raw = create(ChatRequestSchema, { rawPrompt: { prompt: { case: "text", value: "once" } } });
    expect(dialect.chat(raw, { isStream: false }).body).toEqual({ prompt: "once" });
  });

  it.each([
    ["instructions before the question", said([Role.SYSTEM, "be brief"], [Role.USER, "why?"]), "be brief\n\nwhy?"],
    [
      "a conversation, with who speaks",
      said([Role.SYSTEM, "be brief"], [Role.USER, "why?"], [Role.ASSISTANT, "so."], [Role.USER, "and?"]),
      "System: be brief\nUser: why?\nAssistant: so.\nUser: and?\nAssistant:",
    ],
    [
      "an answer that is gone on from",
      { ...said([Role.USER, "why?"], [Role.ASSISTANT, "be"]), continueFinalMessage: true },
      "User: why?\nAssistant: be",
    ],
  ])("is %s", (_name, request, prompt) => {
    expect(dialect.chat(request, { isStream: false }).body).toEqual({ prompt });
  });

  it("has a fate for every field, and cannot be asked for two answers", () => {
    expect(fieldPaths().filter((path) => fateOf(dialect.fields, path) === undefined)).toEqual([]);
    let error: unknown;
    try {
      dialect.chat(userRequest("x", { choices: 2 }), { isStream: false });
    } catch (thrown) {
      error = thrown;
    }
    expect([reasonOf(error), fieldOf(error as never)]).toEqual(["unsupported_field", "choices"]);
  });
});

describe("an answer in the raw format", () => {
  const request = userRequest("x", { model: "m" });

  it("is text, an end, and figures of our own", () => {
    const events = dialect.whole({ completion: "eight ch" }, request, asked);
    expect(outlineOf(events)).toEqual(["started", "text", "finished", "completed"]);
    expect(textOf(events)).toBe("eight ch");
    expect(valuesOf(events, "completed")[0]?.usage).toMatchObject({ completionTokens: 2, source: UsageSource.ESTIMATED });
    expect(outlineOf(dialect.whole({ completion: "" }, request, asked))).toEqual(["started", "finished", "completed"]);
  });

  it("is read where a stream was asked for, on however many lines", () => {
    for (const lines of [['{"completion": "a}"}'], ["{", '"completion":', '"a}"', "}"]]) {
      const reader = dialect.reader(request, asked);
      const events = lines.flatMap((data) => reader.read({ event: "", data }));
      expect([textOf([...events, ...reader.end()]), reader.isWhole]).toEqual(["a}", true]);
    }
  });

  it("is looked at a few times, and once more at its end", () => {
    const reader = dialect.reader(request, asked);
    const inner = Array.from({ length: 200 }, () => "{}").join("\n,");
    const lines = `{"rest": [\n${inner}],\n"completion": "a"\n}`.split("\n");
    const events = lines.flatMap((data) => reader.read({ event: "", data }));
    expect(textOf([...events, ...reader.end()])).toBe("a");
  });

  it("is an error where it is something else, ends early or comes twice", () => {
    for (const body of [undefined, [], {}, { completion: 3 }, { detail: "x" }])
      expect(reasonThrown(() => dialect.whole(body, request, asked))).toBe("provider_malformed");
    const reader = dialect.reader(request, asked);
    reader.read({ event: "", data: '{"completion": "a' });
    expect(reasonThrown(() => reader.end())).toBe("provider_truncated");
    const twice = dialect.reader(request, asked);
    twice.read({ event: "", data: '{"completion": "a"}' });
    expect(reasonThrown(() => twice.read({ event: "", data: '{"completion": "b"}' }))).toBe("provider_malformed");
  });
});

it("what the raw format's server says of itself is heard", () => {
  const errorOf = (status: number, body: string) => dialect.errorOf({ status, headers: {}, body }, asked, 0);
  expect(errorOf(500, '{"detail": "ggml: out of memory"}').rawMessage).toContain("ggml: out of memory");
  expect(errorOf(500, "Internal Server Error").rawMessage).toContain("Internal Server Error");
  expect([500, 503, 401].map((status) => reasonOf(errorOf(status, "{}")))).toEqual([
    "provider_error",
    "provider_unavailable",
    "provider_credentials",
  ]);
  expect(dialect.models({ status: "ok" }, "old")).toMatchObject([{ id: "default", provider: "old", problem: "" }]);
  expect(dialect.models({ status: "sick" }, "old")[0]?.problem).not.toBe("");
});
