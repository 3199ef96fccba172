import { describe, expect, it } from "vitest";
import { ChatRequestSchema } from "../../gen/parley/v1/chat_pb.ts";
import { Role } from "../../gen/parley/v1/messages_pb.ts";
import { create } from "@bufbuild/protobuf";
import { rawFields } from "../dialects/raw/upstream/fields.ts";
import { userRequest } from "../testing/sample-request.ts";
import { fateOf, fieldPaths, honoured, inert, refused, refusedFields } from "./fields.ts";

describe("field tables", () => {
  const table = { a: honoured, "a.b": refused("no"), c: inert("no matter") };
  it("let the nearest entry speak", () => {
    expect([fateOf(table, "a.x")?.is, fateOf(table, "a.b.c")?.is, fateOf(table, "d")?.is]).toEqual(["honoured", "refused", undefined]);
  });
  it("know every path of the request", () => {
    const paths = fieldPaths();
    for (const path of ["sampling.dry.base", "messages.parts.image.url", "provider_options", "tools.function.strict"])
      expect(paths).toContain(path);
  });
  it("find what is refused, with the place", () => {
    const request = userRequest("hi", { tools: [{ tool: { case: "function", value: { name: "f", strict: true } } }] });
    const refusals = refusedFields(request, { messages: honoured, tools: honoured, "tools.function.strict": refused("not strict") });
    expect(refusals).toEqual([{ field: "tools[0].function.strict", description: "is not supported: not strict" }]);
    expect(refusedFields(create(ChatRequestSchema), {})).toEqual([]);
    const [named, plain] = [{ role: Role.USER, name: "Ada" }, { role: Role.USER }];
    const nameless = { messages: honoured, "messages.name": refused("no names") };
    for (const [messages, at] of [[[plain, named], 1] as const, [[named, plain], 0] as const])
      expect(refusedFields(create(ChatRequestSchema, { messages: [...messages] }), nameless).map(({ field }) => field)).toEqual([
        `messages[${at}].name`,
      ]);
  });
  it("refuse of a refused path what has no entry of its own", () => {
    const split = { sampling: refused("no dice"), "sampling.temperature": honoured };
    const asked = (sampling: object) => refusedFields(userRequest("hi", { sampling }), { messages: honoured, ...split });
    expect(asked({ temperature: 0.5 })).toEqual([]);
    expect(asked({ temperature: 0.5, topP: 0.5 }).map(({ field }) => field)).toEqual(["sampling.top_p"]);
    expect(refusedFields(userRequest("hi", { sampling: { temperature: 1 } }), rawFields)).toEqual([]);
  });
  it("find what is refused inside a tool's result too, however deep", () => {
    const image = { part: { case: "image" as const, value: {} } };
    const result = (content: object[]) => ({ part: { case: "toolResult" as const, value: { toolCallId: "1", content } } });
    const request = create(ChatRequestSchema, { messages: [{ role: Role.TOOL, parts: [result([image]), result([result([image])])] }] });
    const places = refusedFields(request, { messages: honoured, "messages.parts.image": refused("no pictures") }).map(({ field }) => field);
    const first = "messages[0].parts[0].tool_result.content[0].image";
    expect(places).toEqual([first, "messages[0].parts[1].tool_result.content[0].tool_result.content[0].image"]);
  });
});
