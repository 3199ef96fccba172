import { describe, expect, it } from "vitest";
import { MediaDetail, Role } from "../../../../gen/parley/v1/messages_pb.ts";
import { messagesFromInput } from "./input.ts";
import { responsesParamOf } from "./params.ts";
import { sealed } from "./sealed.ts";

const call = (id: string) => ({ type: "function_call", call_id: id, name: "f", arguments: "{}", id: `fc_${id}`, status: "completed" });
const output = (id: string, value: unknown = "done") => ({ type: "function_call_output", call_id: id, output: value });
const said = (text: string) => ({
  type: "message",
  role: "assistant",
  id: "msg_1",
  content: [{ type: "output_text", text, annotations: [] }],
});
const thought = (text: string) => ({ type: "reasoning", id: "rs_1", summary: [], content: [{ type: "reasoning_text", text }] });
const user = (content: unknown) => ({ role: "user", content });

const roleNames: Partial<Record<Role, string>> = {
  [Role.SYSTEM]: "system",
  [Role.USER]: "user",
  [Role.ASSISTANT]: "assistant",
  [Role.TOOL]: "tool",
};

/** Roles and kinds of parts of what an input becomes. */
function shapeOf(input: unknown, more: object = {}): unknown {
  return messagesFromInput({ input, ...more }).messages.map(({ role, parts }) => [roleNames[role], ...parts.map(({ part }) => part.case)]);
}

describe("items of an input", () => {
  it("are a user's where they are a text, behind the instructions", () => {
    expect(shapeOf("hi", { instructions: "be brief" })).toEqual([
      ["system", "text"],
      ["user", "text"],
    ]);
    expect(shapeOf("hi", { instructions: "" })).toEqual([["user", "text"]]);
  });

  it("become one message a turn of the model: its thinking, words and calls", () => {
    expect(shapeOf([user("a"), thought("hm"), said("so"), call("1"), call("2"), output("1"), output("2"), said("end"), user("b")])).toEqual(
      [
        ["user", "text"],
        ["assistant", "reasoning", "text", "toolCall", "toolCall"],
        ["tool", "toolResult"],
        ["tool", "toolResult"],
        ["assistant", "text"],
        ["user", "text"],
      ],
    );
  });

  it("keep words apart that were said apart", () => {
    expect(shapeOf([said("one"), said("two"), call("1"), said("three")])).toEqual([
      ["assistant", "text"],
      ["assistant", "text", "toolCall", "text"],
    ]);
  });

  it("hold media as chats do", () => {
    const content = [
      { type: "input_image", image_url: "data:image/png;base64,AA==", detail: "low" },
      { type: "input_file", file_data: "AA==", filename: "a.pdf" },
      { type: "input_file", file_id: "file_1" },
      { type: "input_audio", input_audio: { data: "AA==", format: "wav" } },
    ];
    const [message] = messagesFromInput({ input: [user(content)] }).messages;
    expect(message?.parts.map(({ part }) => part)).toMatchObject([
      { case: "image", value: { source: { case: "url" }, detail: MediaDetail.LOW } },
      { case: "file", value: { source: { case: "data", value: new Uint8Array([0]) }, fileName: "a.pdf" } },
      { case: "file", value: { source: { case: "fileId", value: "file_1" } } },
      { case: "audio", value: { source: { case: "data" }, mimeType: "audio/wav" } },
    ]);
  });

  it("give thinking back as it was: sealed, as itself, or as its summary; and nothing for what says nothing", () => {
    const whole = { text: "hm", signature: "sig", redactedData: new Uint8Array([1, 2]) };
    const input = [
      { type: "reasoning", id: "rs_1", summary: [{ type: "summary_text", text: "short" }], encrypted_content: sealed(whole) },
      thought("long"),
      {
        type: "reasoning",
        id: "rs_2",
        summary: [
          { type: "summary_text", text: "one" },
          { type: "summary_text", text: "two" },
        ],
      },
      { type: "reasoning", id: "rs_3", summary: [] },
      { type: "item_reference", id: "rs_4" },
    ];
    const [message] = messagesFromInput({ input }).messages;
    expect(message?.parts.map(({ part }) => part.value)).toMatchObject([whole, { text: "long" }, { text: "one\n\ntwo" }]);
  });

  it("are named in errors as the body has them", () => {
    const input = [
      user([
        { type: "input_text", text: "a" },
        { type: "input_image", image_url: "x" },
      ]),
      thought("hm"),
      call("1"),
      output("1", [{ type: "input_text", text: "b" }]),
    ];
    const body = { input, instructions: "i", safety_identifier: "s" };
    const param = responsesParamOf(body, messagesFromInput(body).places);
    const names = {
      "messages[0].parts[0].text": "instructions",
      "messages[1].parts[1].image.url": "input[0].content[1]",
      "messages[2].parts[1].tool_call.arguments": "input[2]",
      "messages[3].parts[0].tool_result.content[0]": "input[3].output[0]",
      "messages[9]": "input",
      messages: "input",
      max_tokens: "max_output_tokens",
      "response_format.json_schema.schema": "text.format.schema",
      "response_format.json_object": "text.format",
      top_logprobs: "include",
      "tools[3].function.name": "tools[3].name",
      "sampling.temperature": "temperature",
      "sampling.xtc.threshold": "xtc_threshold",
      end_user_id: "safety_identifier",
      "input[3].call_id": "input[3].call_id",
    };
    expect(Object.fromEntries(Object.keys(names).map((name) => [name, param(name)]))).toEqual(names);
  });
});
