import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { ErrorReason } from "../../gen/parley/v1/errors_pb.ts";
import { ChatRequestSchema } from "../../gen/parley/v1/chat_pb.ts";
import { Role } from "../../gen/parley/v1/messages_pb.ts";
import { create } from "@bufbuild/protobuf";
import { answer, failure } from "../testing/answers.ts";
import { eventsOf } from "../testing/collect-events.ts";
import { userRequest } from "../testing/sample-request.ts";
import { collect } from "./collect.ts";
import { chatEvent, text } from "./events.ts";
import { fateOf, fieldPaths, honoured, inert, refused, refusedFields } from "./fields.ts";
import { healthBoard } from "./health.ts";
import { limitFault, limits, resolveLimits } from "./limits.ts";
import { isModelId } from "./model-id.ts";
import { asFault, fault, fieldOf, reasonOf, reasons, retryAfterMsOf } from "./reasons.ts";
import { abortFault, linkSignal, untilAborted } from "./signals.ts";
import { observe, only, type Outcome } from "./stream.ts";

describe("the table of reasons", () => {
  it("has a row for each reason of the contract and no other", () => {
    const names = Object.keys(ErrorReason).filter((name) => name !== "UNSPECIFIED");
    expect(Object.keys(reasons).toSorted()).toEqual(names.map((name) => name.toLowerCase()).toSorted());
  });
  it("carries reason, wait, fields and provider over the wire's details", () => {
    const error = fault("queue_full", "full", {
      retryAfterMs: 1500,
      provider: "p",
      fields: [{ field: "stop[0]", description: "is empty" }],
    });
    expect([reasonOf(error), retryAfterMsOf(error), fieldOf(error), error.code]).toEqual([
      "queue_full",
      1500,
      "stop[0]",
      Code.ResourceExhausted,
    ]);
  });
  it("makes what is not ours opaque, and keeps the cause", () => {
    const cause = new Error("secret");
    const error = asFault(cause);
    expect([reasonOf(error), error.rawMessage, error.cause]).toEqual(["internal", "internal error", cause]);
  });
  it("reads Connect's own errors by their code", () => {
    expect(reasonOf(new ConnectError("x", Code.DeadlineExceeded))).toBe("deadline_exceeded");
    expect(reasonOf(new ConnectError("x", Code.Canceled))).toBe("caller_gone");
  });
});

describe("limits", () => {
  it("are changed by name, within their range", () => {
    expect(resolveLimits({ maxChoices: 2n }).maxChoices).toBe(2);
    expect(() => resolveLimits({ maxChoices: 0 })).toThrow("maxChoices");
    expect(() => resolveLimits({ maxChoyces: 1 })).toThrow("no such limit");
    expect(() => resolveLimits({ constructor: 1 })).toThrow("no such limit");
  });
  it("have defaults within their own range, and errors that name them", () => {
    for (const [name, row] of Object.entries(limits)) expect(row.default >= row.min && row.default <= row.max, name).toBe(true);
    expect(reasonOf(limitFault("maxBodyBytes", "too large"))).toBe("body_too_large");
  });
});

describe("model ids", () => {
  it.each(["a", "meta-llama/Llama-3.1-8B", "llama3.1:8b", "x@y+z_1"])("accept %s", (id) => expect(isModelId(id)).toBe(true));
  it.each(["", "../a", "a/../b", "/etc/passwd", "a//b", ".hidden", "a b", "a\n", "C:\\x", "a/.", "m".repeat(257)])("refuse %j", (id) =>
    expect(isModelId(id)).toBe(false),
  );
});

describe("observe", () => {
  const watch = () => {
    const seen: string[] = [];
    return { seen, watch: { event: (event: string) => void seen.push(event), end: ({ type }: Outcome) => void seen.push(type) } };
  };
  async function* letters() {
    yield "a";
    yield "b";
  }
  it("tells each event and one end", async () => {
    const { seen, watch: watcher } = watch();
    expect(await eventsOf(observe(letters(), watcher))).toEqual(["a", "b"]);
    expect(seen).toEqual(["a", "b", "done"]);
  });
  it("tells when the consumer leaves, once", async () => {
    const { seen, watch: watcher } = watch();
    for await (const _ of observe(letters(), watcher)) break;
    expect(seen).toEqual(["a", "left"]);
  });
  it("tells what was thrown, and throws it on", async () => {
    const { seen, watch: watcher } = watch();
    const failing = observe(
      (async function* (): AsyncGenerator<string> {
        throw fault("internal", "x");
      })(),
      watcher,
    );
    expect(reasonOf(await failure(eventsOf(failing)))).toBe("internal");
    expect(seen).toEqual(["failed"]);
  });
  it("lets unary work end by itself", async () => {
    const { seen, watch: watcher } = watch();
    expect(await only(observe(letters(), watcher))).toBe("a");
    expect(seen).toEqual(["a", "b", "done"]);
  });
});

describe("signals", () => {
  it("link until released", () => {
    const outer = new AbortController();
    const [linked, released] = [linkSignal(outer.signal), linkSignal(outer.signal)];
    released.release();
    outer.abort(fault("draining", "bye"));
    expect([linked.signal.aborted, released.signal.aborted]).toEqual([true, false]);
    expect(reasonOf(abortFault(linked.signal))).toBe("draining");
  });
  it("tell a deadline from a caller that went away", () => {
    expect(reasonOf(abortFault(AbortSignal.abort(new DOMException("late", "TimeoutError"))))).toBe("deadline_exceeded");
    expect(reasonOf(abortFault(AbortSignal.abort()))).toBe("caller_gone");
  });
  it("end a wait", async () => {
    const controller = new AbortController();
    const waiting = untilAborted(new Promise(() => {}), controller.signal);
    controller.abort();
    expect(reasonOf(await failure(waiting))).toBe("caller_gone");
  });
});

describe("collect", () => {
  it("gathers text in order and what it took", async () => {
    const response = await collect(
      (async function* () {
        yield* answer(["Hello", " there"]);
      })(),
    );
    expect(response.choices[0]?.message?.parts.map(({ part }) => part.value)).toMatchObject([{ text: "Hello there" }]);
    expect([response.choices[0]?.message?.role, response.usage?.completionTokens]).toEqual([Role.ASSISTANT, 2]);
  });
  it("keeps tool calls, reasoning and text apart, in the order in which they began", async () => {
    const events = [
      chatEvent({
        case: "reasoning",
        value: { $typeName: "parley.v1.ReasoningDelta", choice: 0, text: "hm", signature: "", redactedData: new Uint8Array() },
      }),
      chatEvent({
        case: "toolCall",
        value: { $typeName: "parley.v1.ToolCallDelta", choice: 0, index: 0, id: "1", name: "f", arguments: '{"a"' },
      }),
      chatEvent({
        case: "toolCall",
        value: { $typeName: "parley.v1.ToolCallDelta", choice: 0, index: 1, id: "2", name: "g", arguments: "{}" },
      }),
      chatEvent({
        case: "toolCall",
        value: { $typeName: "parley.v1.ToolCallDelta", choice: 0, index: 0, id: "", name: "", arguments: ":1}" },
      }),
      text(1, "second"),
      ...answer(["done"]),
    ];
    const { choices } = await collect(
      (async function* () {
        yield* events;
      })(),
    );
    expect(choices[0]?.message?.parts.map(({ part }) => part.case)).toEqual(["reasoning", "toolCall", "toolCall", "text"]);
    expect(choices[0]?.message?.parts[1]?.part.value).toMatchObject({ id: "1", arguments: '{"a":1}' });
    expect(choices[1]?.message?.parts[0]?.part.value).toMatchObject({ text: "second" });
  });
  it("does not take a stream without its end mark for an answer", async () => {
    const cut = answer(["Hel"]).slice(0, -1);
    expect(
      reasonOf(
        await failure(
          collect(
            (async function* () {
              yield* cut;
            })(),
          ),
        ),
      ),
    ).toBe("provider_truncated");
  });
});

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

describe("health", () => {
  it("serves when ready, and nothing once it drains", () => {
    const board = healthBoard(["a.B"]);
    let changes = 0;
    const stop = board.watch(() => changes++);
    expect([board.status(""), board.status("a.B"), board.status("x")]).toEqual(["NOT_SERVING", "SERVING", undefined]);
    board.setNotReadyBecause("");
    board.setModel("m", true);
    expect([board.status(""), board.status("model:m"), board.isReady()]).toEqual(["SERVING", "SERVING", true]);
    board.drain();
    expect([...board.statuses().values()].every((status) => status === "NOT_SERVING")).toBe(true);
    expect([changes, board.isReady()]).toEqual([3, false]);
    stop();
  });
});
