import { readFileSync } from "node:fs";
import { toJson } from "@bufbuild/protobuf";
import { anything, assert, dictionary, constantFrom, property } from "fast-check";
import { ConnectError } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { ChatRequestSchema } from "../../../gen/parley/v1/chat_pb.ts";
import { fieldOf, reasonOf } from "../../core/reasons.ts";
import { chatRequestFromOpenAI } from "./request.ts";

interface Golden {
  readonly accepted: readonly { readonly name: string; readonly body: unknown; readonly request: unknown }[];
  readonly refused: readonly { readonly name: string; readonly body: unknown; readonly reason: string; readonly param: string }[];
}

const golden = JSON.parse(readFileSync(new URL("../testdata/openai-requests.json", import.meta.url), "utf8")) as Golden;

describe("a chat completion request", () => {
  it.each(golden.accepted)("with $name is read", ({ body, request }) => {
    expect(toJson(ChatRequestSchema, chatRequestFromOpenAI(body).request)).toEqual(request);
  });

  it.each(golden.refused)("with $name is refused, naming the field", ({ body, reason, param }) => {
    const error = thrownBy(body);
    expect([reasonOf(error), fieldOf(error as ConnectError)]).toEqual([reason, param]);
    expect((error as ConnectError).rawMessage).toContain(param);
  });

  it("says how its answer is to be written", () => {
    const messages = [{ role: "user", content: "x" }];
    expect(chatRequestFromOpenAI({ messages })).toMatchObject({ stream: false, includeUsage: false });
    expect(chatRequestFromOpenAI({ messages, stream: true, stream_options: { include_usage: true } })).toMatchObject({
      stream: true,
      includeUsage: true,
    });
  });

  it("is read or refused, whatever stands in it: never a fault of ours", () => {
    const names = [...new Set(golden.accepted.flatMap(({ body }) => Object.keys(body as object)))];
    const body = dictionary(constantFrom(...names), anything({ maxDepth: 4, withNullPrototype: true }));
    const valid = { messages: [{ role: "user", content: "x" }] };
    assert(
      property(body, (fields) => {
        for (const candidate of [fields, { ...valid, ...fields }]) {
          const error = thrownBy(candidate);
          if (error !== undefined)
            expect(["invalid_request", "unsupported_field"]).toContain(error instanceof ConnectError ? reasonOf(error) : error);
        }
      }),
      { numRuns: 300 },
    );
  });
});

function thrownBy(body: unknown): unknown {
  try {
    chatRequestFromOpenAI(body);
    return undefined;
  } catch (error) {
    return error;
  }
}
