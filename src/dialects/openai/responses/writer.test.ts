import { describe, expect, it } from "vitest";
import { FinishReason, type TokenLogprob } from "../../../../gen/parley/v1/chat_pb.ts";
import { accepted, reasoning, started, text } from "../../../core/events.ts";
import { fault } from "../../../core/reasons.ts";
import { answer, asked, call, eventsIn, refused, thought, written, type Framed } from "../../../testing/response-events.ts";
import { unsealed } from "./sealed.ts";
import type { ResponseObject } from "./wire/response.ts";
import { ResponseWriter } from "./writer.ts";

/** The response in the last event. */
const lastOf = (events: readonly Framed[]) => events.at(-1)?.["response"] as unknown as ResponseObject;

const typesOf = (events: readonly Framed[]) => events.map(({ type }) => type.replace("response.", ""));

describe("the events of a response", () => {
  it("tell each item around its parts, and each part around its deltas", () => {
    const events = written(answer([reasoning(0, "h"), reasoning(0, "m"), text(0, "so"), refused("no"), call(0, "{}", "call_1")]));
    expect(typesOf(events)).toEqual([
      ...["created", "in_progress"],
      ...["output_item.added", "content_part.added", "reasoning_text.delta", "reasoning_text.delta", "reasoning_text.done"],
      ...["content_part.done", "output_item.done"],
      ...["output_item.added", "content_part.added", "output_text.delta", "output_text.done", "content_part.done"],
      ...["content_part.added", "refusal.delta", "refusal.done", "content_part.done", "output_item.done"],
      ...["output_item.added", "function_call_arguments.delta", "function_call_arguments.done", "output_item.done"],
      "completed",
    ]);
    expect(events.map((event) => [event.output_index, event.content_index]).slice(11, 15)).toEqual([
      [1, 0],
      [1, 0],
      [1, 0],
      [1, 1],
    ]);
    const last = lastOf(events);
    expect(last).toMatchObject({ id: "resp_0011", status: "completed", created_at: 1_700_000_000, completed_at: 1_700_000_002 });
    expect(last.output.map(({ id }) => id)).toEqual(["rs_00110000", "msg_00110001", "fc_00110002"]);
    expect(last.usage).toMatchObject({
      input_tokens: 3,
      output_tokens: 2,
      output_tokens_details: { reasoning_tokens: 1 },
      total_tokens: 5,
    });
  });

  it("say nothing before it is settled who answers, and name who does", () => {
    const writer = new ResponseWriter(asked());
    expect(writer.write(accepted({ id: "chatcmpl-1", model: "m", createdMs: 0 }))).toBe("");
    const start = started("p", "there");
    if (start.event.case === "started") start.event.value.answerModel = "other";
    expect(eventsIn(writer.write(start))).toMatchObject([{ response: { model: "other", status: "in_progress", output: [] } }, {}]);
  });

  it("keep calls open whose pieces come in turns", () => {
    const pieces = [call(0, "{", "a"), call(1, "[", "b"), call(0, "}"), call(1, "]")];
    const last = lastOf(written(answer(pieces)));
    expect(last.output).toMatchObject([
      { call_id: "a", arguments: "{}", status: "completed" },
      { call_id: "b", arguments: "[]", status: "completed" },
    ]);
  });

  it.each([
    [FinishReason.LENGTH, "max_output_tokens"],
    [FinishReason.CONTENT_FILTER, "content_filter"],
  ])("end incomplete where the answer was cut: %s", (reason, why) => {
    const events = written(answer([text(0, "so"), call(0, "{", "a")], reason));
    expect(events.at(-1)).toMatchObject({
      type: "response.incomplete",
      response: {
        status: "incomplete",
        incomplete_details: { reason: why },
        output: [{ status: "completed" }, { status: "incomplete" }],
        output_text: "so",
        completed_at: null,
      },
    });
  });

  it("hold a message where nothing was said", () => {
    const events = written(answer([]));
    expect(events.at(-1)?.response).toMatchObject({ output: [{ type: "message", content: [{ type: "output_text", text: "" }] }] });
    expect(typesOf(events)).toContain("output_text.done");
  });

  it("tell thinking as its summary where one is asked for", () => {
    const events = written(answer([reasoning(0, "hm"), text(0, "so")]), { reasoning: { summary: "auto" } });
    expect(typesOf(events).slice(2, 8)).toEqual([
      "output_item.added",
      "reasoning_summary_part.added",
      "reasoning_summary_text.delta",
      "reasoning_summary_text.done",
      "reasoning_summary_part.done",
      "output_item.done",
    ]);
    expect(events[7]?.item).toMatchObject({ summary: [{ type: "summary_text", text: "hm" }], content: [] });
  });

  it("seal thinking that must come back as it was, each signed piece by itself; and all of it where that is asked for", () => {
    const pieces = [thought("one"), thought("", "sig"), thought("", "", new Uint8Array([7])), thought("two"), text(0, "so")];
    const sealsOf = (more: object) =>
      lastOf(written(answer(pieces), more)).output.map((item) =>
        item.type === "reasoning" && item.encrypted_content !== null ? unsealed(item.encrypted_content, "x") : item.type,
      );
    const sealed = [
      { text: "one", signature: "sig", redactedData: new Uint8Array() },
      { text: "", signature: "", redactedData: new Uint8Array([7]) },
    ];
    expect(sealsOf({})).toEqual([...sealed, "reasoning", "message"]);
    const two = { text: "two", signature: "", redactedData: new Uint8Array() };
    expect(sealsOf({ include: ["reasoning.encrypted_content"] })).toEqual([...sealed, two, "message"]);
  });

  it("tell logprobs with their deltas and with the whole", () => {
    const token: TokenLogprob = {
      $typeName: "parley.v1.TokenLogprob",
      token: "so",
      logprob: -Infinity,
      bytes: new Uint8Array([115, 111]),
      top: [{ $typeName: "parley.v1.TopLogprob", token: "so", logprob: -0.5, bytes: new Uint8Array() }],
    };
    const events = written(answer([text(0, "so", [token]), text(0, "me")]));
    const told = [{ token: "so", logprob: -9999, bytes: [115, 111], top_logprobs: [{ token: "so", logprob: -0.5, bytes: [] }] }];
    const deltas = events.filter(({ type }) => type === "response.output_text.delta");
    expect(deltas.map(({ logprobs }) => logprobs)).toEqual([told, []]);
    expect(events.find(({ type }) => type === "response.output_text.done")).toMatchObject({ text: "some", logprobs: told });
    expect(events.at(-1)?.response).toMatchObject({ output: [{ content: [{ logprobs: told }] }] });
  });

  it("are padded where that is asked for", () => {
    const writer = new ResponseWriter(asked({ stream_options: { include_obfuscation: true } }));
    const frames = answer([text(0, "so")]).map((event) => writer.write(event));
    const delta = frames
      .join("")
      .split("\n\n")
      .find((frame) => frame.startsWith("event: response.output_text.delta"));
    expect(Buffer.byteLength(`${delta}\n\n`) % 256).toBe(0);
  });

  it("end with the response that failed and an error that every client raises, or with the error alone before the start", () => {
    const error = fault("provider_truncated", "it broke off");
    const told = { code: "provider_truncated", message: "it broke off", param: null };
    const writer = new ResponseWriter(asked());
    const frames = answer([text(0, "so")])
      .slice(0, 3)
      .map((event) => writer.write(event));
    const events = eventsIn(frames.join("") + writer.failed(error, (field) => field));
    expect(events.slice(-2)).toMatchObject([
      {
        type: "response.failed",
        response: { status: "failed", error: { code: "server_error" }, output: [{ status: "incomplete" }], output_text: "so" },
      },
      { type: "error", ...told, error: told },
    ]);
    expect(eventsIn(new ResponseWriter(asked()).failed(error, (field) => field))).toMatchObject([{ type: "error", ...told }]);
  });
});
