import { describe, expect, it } from "vitest";
import { FinishReason, type ChatEvent } from "../../../../gen/parley/v1/chat_pb.ts";
import { valuesOf } from "../../../testing/collect-events.ts";
import { delta, finish, read, reasonThrown } from "../../../testing/openai-chunks.ts";

const call = (piece: object) => delta({ tool_calls: [piece] });
const callsOf = (events: readonly ChatEvent[]) =>
  valuesOf(events, "toolCall").map(({ index, id, name, arguments: words }) => [index, id, name, words]);

describe("tool calls", () => {
  it("have an index, an id and a name once, however often the upstream repeats them", () => {
    const piece = (words: string) => call({ index: 0, id: "a", type: "function", function: { name: "f", arguments: words } });
    expect(callsOf(read([piece("{"), piece("}"), finish("tool_calls")]))).toEqual([
      [0, "a", "f", "{"],
      [0, "", "", "}"],
    ]);
  });

  it("go on without an index, by id or as the last one", () => {
    const pieces = [
      call({ id: "a", function: { name: "f", arguments: "{" } }),
      call({ id: "b", function: { name: "g", arguments: "[" } }),
      call({ function: { arguments: "]" } }),
      call({ id: "a", function: { arguments: "}" } }),
    ];
    expect(callsOf(read([...pieces, finish("tool_calls")]))).toEqual([
      [0, "a", "f", "{"],
      [1, "b", "g", "["],
      [1, "", "", "]"],
      [0, "", "", "}"],
    ]);
  });

  it("are apart where the upstream gives them all one index", () => {
    const pieces = [
      call({ index: 0, id: "a", function: { name: "f", arguments: "{}" } }),
      call({ index: 0, id: "b", function: { name: "f", arguments: "{}" } }),
    ];
    expect(callsOf(read([...pieces, finish("tool_calls")]))).toEqual([
      [0, "a", "f", "{}"],
      [1, "b", "f", "{}"],
    ]);
  });

  it("get ids of their own where the upstream gives none, or one twice", () => {
    const several = delta({ tool_calls: [{ function: { name: "f", arguments: {} } }, { function: { name: "f", arguments: { a: 1 } } }] });
    const told = callsOf(read([several, finish("tool_calls")]));
    expect(told.map(([index, , name, words]) => [index, name, words])).toEqual([
      [0, "f", "{}"],
      [1, "f", '{"a":1}'],
    ]);
    const twice = delta({
      tool_calls: [
        { index: 0, id: "a", function: { name: "f" } },
        { index: 1, id: "a", function: { name: "f" } },
      ],
    });
    const ids = [...told, ...callsOf(read([twice, finish("tool_calls")]))].map(([, id]) => id);
    expect(new Set(ids).size).toBe(4);
    expect(ids).not.toContain("");
  });

  it("wait for a name that comes late, and are malformed without one", () => {
    const early = [call({ index: 0, id: "a" }), call({ index: 0, function: { arguments: "{" } })];
    expect(callsOf(read([...early, call({ index: 0, function: { name: "f", arguments: "}" } }), finish("tool_calls")]))).toEqual([
      [0, "a", "f", "{}"],
    ]);
    expect(reasonThrown(() => read([...early, finish("tool_calls")]))).toBe("provider_malformed");
  });

  it("may come under their older name, of which there is one", () => {
    const older = (piece: object) => delta({ content: null, function_call: piece });
    const events = read([older({ name: "f", arguments: "{" }), older({ arguments: "}" }), finish("function_call")]);
    expect(callsOf(events).map(([index, , name, words]) => [index, name, words])).toEqual([
      [0, "f", "{"],
      [0, "", "}"],
    ]);
  });

  it("are the reason of the end where the upstream says stop", () => {
    const events = read([call({ index: 0, id: "a", function: { name: "f", arguments: "{}" } }), finish("stop")]);
    expect(valuesOf(events, "finished")).toMatchObject([{ reason: FinishReason.TOOL_CALLS, rawReason: "stop" }]);
  });
});
