import { create, fromBinary, toBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { ChatEventSchema, ChatRequestSchema, FinishReason } from "../../gen/parley/v1/chat_pb.ts";
import { Role } from "../../gen/parley/v1/messages_pb.ts";
import { fateOf, fieldPaths, type FieldTable } from "../core/fields.ts";
import { echo } from "../providers/echo.ts";
import { llamaCppFields } from "../providers/llama-cpp/fields.ts";
import { answerOf, textOf, valuesOf } from "./collect-events.ts";
import { contractPaths } from "./contract-paths.ts";
import { withoutField } from "./older-client.ts";
import { userRequest } from "./sample-request.ts";

/** The table of every provider there is. */
const tables: Readonly<Record<string, FieldTable>> = { echo: echo().fields, "llama-cpp": llamaCppFields };

/** Fields that the service honours before a provider sees them; the client tests see them there. */
const servedByService = ["model", "provider"];

describe.each(Object.entries(tables))("the field table of %s", (_name, table) => {
  it("says what becomes of every field of a ChatRequest", () => {
    expect(fieldPaths().filter((path) => fateOf(table, path) === undefined)).toEqual([]);
  });

  it("speaks only of fields that exist", () => {
    const known = new Set(fieldPaths());
    expect(Object.keys(table).filter((path) => !known.has(path))).toEqual([]);
  });

  it("gives a reason for every field that it does not honour", () => {
    const silent = Object.entries(table).filter(([, fate]) => fate.is !== "honoured" && fate.because.trim() === "");
    expect(silent).toEqual([]);
  });
});

type Ask = MessageInitShape<typeof ChatRequestSchema>;

/** What shows that a field is honoured: the same request with it and without it has different answers, or `says` finds it in the answer. */
type Proof = { readonly with: Ask; readonly without: Ask } | { readonly with: Ask; readonly says: string };

const said = userRequest;

const echoProofs: Readonly<Record<string, Proof>> = {
  "messages.parts.text.text": { with: said("one two"), says: "one two" },
  "messages.parts.refusal.text": { with: speaking({ case: "refusal", value: { text: "never" } }), says: "never" },
  "messages.parts.tool_result.content": {
    with: speaking({ case: "toolResult", value: { toolCallId: "1", content: [{ part: { case: "text", value: { text: "42" } } }] } }),
    says: "42",
  },
  max_tokens: { with: said("one two", { maxTokens: 1 }), without: said("one two") },
  stop: { with: said("one two", { stop: ["two"] }), without: said("one two") },
  "response_format.text": { with: said("one", { responseFormat: { format: { case: "text", value: {} } } }), says: "one" },
  choices: { with: said("one", { choices: 2 }), without: said("one") },
  "raw_prompt.text": { with: { rawPrompt: { prompt: { case: "text", value: "raw" } } }, says: "raw" },
  "raw_prompt.echo": {
    with: { rawPrompt: { prompt: { case: "text", value: "raw" }, echo: true } },
    without: { rawPrompt: { prompt: { case: "text", value: "raw" } } },
  },
};

describe("echo", () => {
  it("has a proof for every field that it honours, and for no other", () => {
    const honoured = contractPaths(tables["echo"]!, "honoured").filter((path) => !servedByService.includes(path));
    expect(Object.keys(echoProofs).toSorted()).toEqual(honoured.toSorted());
  });

  it.each(Object.entries(echoProofs))("honours %s", async (_path, proof) => {
    const answer = await answerOf(echo(), create(ChatRequestSchema, proof.with));
    if ("says" in proof) expect(textOf(answer)).toContain(proof.says);
    else expect(answer).not.toEqual(await answerOf(echo(), create(ChatRequestSchema, proof.without)));
  });
});

describe("a client with an older contract", () => {
  // It was generated before there were refusals: the bytes are those of today, the descriptor is that of then.
  const Older = withoutField("parley.v1.ChatEvent", "refusal");

  it("reads an event of a kind that it does not know as one whose event is unset, keeps its number, and reads on", () => {
    const unknown = create(ChatEventSchema, { sequence: 4, event: { case: "refusal", value: { choice: 0, text: "no" } } });
    const known = create(ChatEventSchema, { sequence: 5, event: { case: "finished", value: { reason: FinishReason.STOP } } });
    const [first, second] = [unknown, known].map((event) => fromBinary(Older, toBinary(ChatEventSchema, event)));
    expect(first).toMatchObject({ sequence: 4, event: { case: undefined } });
    expect(second).toMatchObject({ sequence: 5, event: { case: "finished" } });
  });

  it("passes on what it does not know without loss", () => {
    const unknown = create(ChatEventSchema, { sequence: 4, event: { case: "refusal", value: { choice: 0, text: "no" } } });
    const bytes = toBinary(ChatEventSchema, unknown);
    const passed = fromBinary(ChatEventSchema, toBinary(Older, fromBinary(Older, bytes)));
    expect(valuesOf([passed], "refusal")).toMatchObject([{ text: "no" }]);
  });
});

type PartCase = NonNullable<NonNullable<NonNullable<NonNullable<Ask["messages"]>[number]["parts"]>[number]["part"]>>;

function speaking(part: PartCase): Ask {
  return { messages: [{ role: Role.TOOL, parts: [{ part }] }] };
}
