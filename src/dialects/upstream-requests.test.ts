import { readFileSync } from "node:fs";
import { fromJson, type JsonValue } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { ChatRequestSchema, type ChatRequest } from "../../gen/parley/v1/chat_pb.ts";
import { fateOf, fieldPaths, refusedFields } from "../core/fields.ts";
import { fieldOf, reasonOf } from "../core/reasons.ts";
import { anthropicDialect } from "./anthropic/upstream/dialect.ts";
import { ollamaDialect } from "./ollama/upstream/dialect.ts";
import type { UpstreamDialect } from "./upstream-dialect.ts";

type Outcome =
  | { readonly body: unknown; readonly path?: string; readonly beta?: string }
  | { readonly refused: string; readonly field: string };

type Golden = { readonly name: string; readonly request: JsonValue } & Readonly<Record<string, Outcome>>;

const golden = JSON.parse(readFileSync(new URL("testdata/upstream-requests.json", import.meta.url), "utf8")) as readonly Golden[];

/** What becomes of a request, refusals of whole fields first, as the route has them. */
function outcomeOf(dialect: UpstreamDialect, request: ChatRequest): unknown {
  const [refused] = refusedFields(request, dialect.fields);
  if (refused !== undefined) return { refused: "unsupported_field", field: refused.field };
  try {
    const { body, path, headers } = dialect.chat(request, { isStream: false });
    const beta = headers["anthropic-beta"];
    const isUsual = path === "/api/chat" || path === "/v1/messages";
    return { ...(!isUsual && { path }), ...(beta !== undefined && { beta }), body: JSON.parse(JSON.stringify(body)) as unknown };
  } catch (error) {
    if (error instanceof ConnectError) return { refused: reasonOf(error), field: fieldOf(error) };
    throw error;
  }
}

const dialects = [
  ["anthropic", anthropicDialect({ kind: "anthropic", quirks: {} })],
  ["ollama", ollamaDialect({ kind: "ollama", quirks: {} })],
] as const;

describe.each(dialects)("a request to %s", (name, dialect) => {
  it.each(golden)("with $name is asked as it should be, or refused by its field", (example) => {
    const request = fromJson(ChatRequestSchema, example.request);
    expect(outcomeOf(dialect, request)).toEqual(example[name]);
  });

  it("has a fate for every field of the contract", () => {
    expect(fieldPaths().filter((path) => fateOf(dialect.fields, path) === undefined)).toEqual([]);
  });

  it("says of a stream that it is one, and changes nothing else", () => {
    const request = fromJson(ChatRequestSchema, golden[0]!.request);
    const whole = dialect.chat(request, { isStream: false });
    expect(whole.body).toMatchObject({ stream: false });
    expect(dialect.chat(request, { isStream: true })).toEqual({ ...whole, body: { ...whole.body, stream: true } });
  });

  it("leaves the request as it was", () => {
    for (const { request: json } of golden) {
      const request = fromJson(ChatRequestSchema, json);
      outcomeOf(dialect, request);
      expect(request).toEqual(fromJson(ChatRequestSchema, json));
    }
  });

  it("keeps a number of twenty digits in a call that was made", () => {
    const call = { toolCall: { id: "c", name: "f", arguments: '{"id": 12345678901234567890, "x": 1.5}' } };
    const request = fromJson(ChatRequestSchema, {
      messages: [
        { role: "ROLE_USER", parts: [{ text: { text: "x" } }] },
        { role: "ROLE_ASSISTANT", parts: [call] },
        { role: "ROLE_TOOL", parts: [{ toolResult: { toolCallId: "c" } }] },
      ],
    });
    expect(JSON.stringify(dialect.chat(request, { isStream: true }).body)).toContain('{"id":12345678901234567890,"x":1.5}');
  });
});
