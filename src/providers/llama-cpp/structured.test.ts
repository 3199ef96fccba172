import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { FinishReason } from "../../../gen/parley/v1/chat_pb.ts";
import { ResponseFormatSchema } from "../../../gen/parley/v1/messages_pb.ts";
import { SamplingSchema } from "../../../gen/parley/v1/sampling_pb.ts";
import { fieldOf, reasonOf } from "../../core/reasons.ts";
import { boundedSchemas } from "../../testing/bounded-schemas.ts";
import { answerOf, failureOf, textOf, valuesOf } from "../../testing/collect-events.ts";
import { describeWithRealModel } from "../../testing/real-model.ts";
import { userRequest } from "../../testing/sample-request.ts";
import { schemaAnswers, schemaJudge } from "../../testing/schema-answers.ts";
import { tinyProvider, type TinyProvider } from "../../testing/tiny-provider.ts";

// Processes are started, and the machine may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let tiny: TinyProvider;
beforeAll(async () => {
  tiny = await tinyProvider({ load: { contextLength: 1024 } });
  await tiny.library.add("random", { ends: "sometimes" });
});
afterAll(() => tiny.close());

const judge = schemaJudge();
type Format = NonNullable<MessageInitShape<typeof ResponseFormatSchema>["format"]>;
const ask = (format: Format, seed = 1n) =>
  userRequest("go", {
    model: "random",
    maxTokens: 400,
    sampling: create(SamplingSchema, { temperature: 1, topK: 0, topP: 1, minP: 0, seed }),
    responseFormat: create(ResponseFormatSchema, { format }),
  });
const grammar = (gbnf: string): Format => ({ case: "grammar", value: { gbnf } });
const schema = (value: unknown): Format => ({ case: "jsonSchema", value: { name: "value", schema: JSON.stringify(value) } });
const many = (count: number, line: (index: number) => string) => Array.from({ length: count }, (_, index) => line(index)).join("");

describe("a model of random weights", () => {
  it("writes only what is valid to forty schemas, and ends by itself nearly always", async () => {
    const answers = await schemaAnswers(tiny.provider, "random", boundedSchemas(40, 1));
    const ended = answers.filter(({ hasEnded }) => hasEnded);
    expect(ended.filter(({ fault }) => fault !== undefined)).toEqual([]);
    expect(ended.length).toBeGreaterThanOrEqual(38);
  });

  it("writes a JSON object when one is asked for", async () => {
    for (const seed of [1n, 2n, 3n, 4n]) {
      const events = await answerOf(tiny.provider, ask({ case: "jsonObject", value: {} }, seed));
      const text = textOf(events);
      expect(text).toMatch(/^\{/);
      if (valuesOf(events, "finished")[0]?.reason === FinishReason.STOP) expect(judge({ type: "object" }, text)).toBeUndefined();
    }
  });

  it("writes what a grammar says, and ends where it ends", async () => {
    const events = await answerOf(tiny.provider, ask(grammar('root ::= word (" " word){2}\nword ::= [a-z]{3}')));
    expect(textOf(events)).toMatch(/^[a-z]{3} [a-z]{3} [a-z]{3}$/);
    expect(valuesOf(events, "finished")[0]?.reason).toBe(FinishReason.STOP);
  });

  it("writes each of several choices by the schema", async () => {
    const value = {
      type: "object",
      properties: { n: { type: "integer", minimum: 0, maximum: 99 } },
      required: ["n"],
      additionalProperties: false,
    };
    const request = { ...ask(schema(value)), choices: 3 };
    const events = await answerOf(tiny.provider, request);
    for (const choice of [0, 1, 2]) expect(judge(value, textOf(events, choice))).toBeUndefined();
  });
});

describe("what cannot be honoured", () => {
  it("is refused by its field and by its place in the schema", async () => {
    const error = await failureOf(answerOf(tiny.provider, ask(schema({ type: "object", properties: { a: { not: {} } } }))));
    expect(reasonOf(error)).toBe("unsupported_field");
    expect(fieldOf(error)).toBe("response_format.json_schema.schema");
    expect(error.rawMessage).toContain("#/properties/a/not");
  });

  it("crashes no process: hostile grammars and schemas are refused or work, in the process that is there", async () => {
    await answerOf(tiny.provider, ask(grammar('root ::= "a"')));
    const pid = tiny.pidOf("random");
    const hostile = [
      `root ::= ${"(".repeat(16_000)}"a"${")".repeat(16_000)}`,
      'root ::= root "a" | "b"',
      'root ::= empty root "y" | "z"\nempty ::= no no\nno ::= "x" | ""',
      'root ::= "a"{0,100000000}',
      `root ::= ${'"a"{2000} '.repeat(4000)}`,
      `root ::= r0\n${many(60, (index) => `r${index} ::= r${index + 1} "a" | r${index + 1} "b"\n`)}r60 ::= "a"`,
      'root ::= ("a"?)*',
      `root ::= ${"(".repeat(16)}"a"${")+".repeat(16)}`,
      'root ::= s\ns ::= "a" s "b" | "a" s "c" | "a"',
      "root ::= next",
      "root ::=",
      'root ::= "\\x00"',
      "\0",
    ];
    for (const gbnf of hostile) {
      const error = await failureOf(
        answerOf(tiny.provider, ask(grammar(gbnf))).then((events) => (textOf(events) === "" ? Promise.reject(new Error("empty")) : events)),
        Error,
      );
      expect(error.message === "empty" || reasonOf(error) === "invalid_request", `${gbnf.slice(0, 40)}: ${error.message}`).toBe(true);
    }
    expect(
      (await failureOf(answerOf(tiny.provider, ask({ case: "jsonSchema", value: { name: "v", schema: "[".repeat(100_000) } })))).rawMessage,
    ).toContain("JSON");
    expect(textOf(await answerOf(tiny.provider, ask(grammar('root ::= "a"'))))).toBe("a");
    expect(tiny.pidOf("random")).toBe(pid);
  });

  it("works at the ends of what is allowed: nesting, repetition and rules as many as there may be", async () => {
    const large = [
      `root ::= ${"(".repeat(200)}"a"${")".repeat(200)}`,
      'root ::= "a"{2000}',
      `root ::= r0\n${many(1500, (index) => `r${index} ::= r${index + 1}\n`)}r1500 ::= "a"`,
      `root ::= ${many(1500, (index) => `${index === 0 ? "" : "|"}"a${index}"`)}`,
    ];
    for (const gbnf of large) expect(textOf(await answerOf(tiny.provider, { ...ask(grammar(gbnf)), maxTokens: 8 }))).toMatch(/^a/);
  });
});

await describeWithRealModel("a real model", (path) => {
  it("answers a strict schema with valid JSON, streamed in pieces", async () => {
    await tiny.library.addFile("smol", path);
    const value = {
      type: "object",
      properties: {
        name: { type: "string", maxLength: 40 },
        born: { type: "string", format: "date" },
        colours: { type: "array", items: { enum: ["red", "green", "blue"] }, minItems: 1, maxItems: 3 },
      },
      required: ["name", "born", "colours"],
      additionalProperties: false,
    };
    const request = userRequest("Describe a painter as JSON.", {
      model: "smol",
      maxTokens: 200,
      sampling: create(SamplingSchema, { temperature: 0 }),
      responseFormat: create(ResponseFormatSchema, { format: schema(value) }),
    });
    const events = await answerOf(tiny.provider, request);
    expect(judge(value, textOf(events))).toBeUndefined();
    expect(valuesOf(events, "text").length).toBeGreaterThan(5);
    expect(valuesOf(events, "finished")[0]?.reason).toBe(FinishReason.STOP);
  });
});
