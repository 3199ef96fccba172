import { create, fromJson } from "@bufbuild/protobuf";
import { expect, it } from "vitest";
import { ChatRequestSchema } from "../../gen/parley/v1/chat_pb.ts";
import { fillOf, unfilled } from "./fill.ts";

const request = (json: Parameters<typeof fromJson>[1]) => fromJson(ChatRequestSchema, json);
const fill = fillOf(
  request({
    maxTokens: 512,
    sampling: { temperature: 0.2, topP: 0.9 },
    stop: ["END"],
    responseFormat: { jsonObject: {} },
    chatTemplateOptions: { a: 1 },
  }),
);

it("fields that the caller left out are filled in", () => {
  const filled = fill(request({ model: "m" }));
  expect(filled).toMatchObject({ model: "m", maxTokens: 512, sampling: { temperature: 0.2, topP: 0.9 }, stop: ["END"] });
});

it("what the caller says stands, and what is beside it is filled in", () => {
  const filled = fill(request({ maxTokens: 5, sampling: { temperature: 1 }, stop: ["."], chatTemplateOptions: { b: 2 } }));
  expect(filled).toMatchObject({ maxTokens: 5, sampling: { temperature: 1, topP: 0.9 }, stop: ["."], chatTemplateOptions: { b: 2 } });
  expect(filled.chatTemplateOptions).not.toHaveProperty("a");
});

it("the one of several forms that the caller chose stands", () => {
  const filled = fill(request({ responseFormat: { text: {} } }));
  expect(filled.responseFormat?.format.case).toBe("text");
});

it("neither the request nor the defaults are changed", () => {
  const given = create(ChatRequestSchema, { sampling: { temperature: 1 } });
  fill(given);
  expect([given.maxTokens, given.sampling?.topP]).toEqual([undefined, undefined]);
});

it.each(["max_tokens", "sampling.temperature", "sampling.top_p", "stop", "stop[0]", "response_format", "chat_template_options"])(
  "%s, where it was filled in, can be taken out again; where it is the caller's, it stays",
  (field) => {
    const own = request({ model: "m" });
    const less = unfilled(fill(own), own, field);
    expect(less).not.toEqual(fill(own));
    expect(fill(less)).toEqual(fill(own));
    const said = fill(own);
    expect(unfilled(said, said, field)).toBe(said);
  },
);

it("a field that nobody knows, or that is not there, takes nothing out", () => {
  const [own, full] = [request({ model: "m" }), fill(request({ model: "m" }))];
  for (const field of ["tools", "nothing", "sampling.nothing", "constructor", ""]) expect(unfilled(full, own, field)).toBe(full);
});
