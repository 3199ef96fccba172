import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fromJson, type JsonValue } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { ChatRequestSchema, type ChatRequest } from "../../../../gen/parley/v1/chat_pb.ts";
import { refusedFields } from "../../../core/fields.ts";
import { fieldOf, reasonOf } from "../../../core/reasons.ts";
import { openaiDialect } from "./dialect.ts";
import { quirkRows, type OpenAIKind } from "./quirk-rows.ts";

// A file a request: what it becomes at each kind of upstream, or which field is refused there.

interface Golden {
  readonly request: JsonValue;
  readonly expected: readonly {
    readonly kinds: readonly OpenAIKind[];
    readonly path?: string;
    readonly body?: unknown;
    readonly refused?: string;
  }[];
}

const folder = join(import.meta.dirname, "testdata", "requests");
const files = readdirSync(folder);

function outcomeOf(kind: OpenAIKind, request: ChatRequest): object {
  const dialect = openaiDialect({ kind, quirks: {} });
  const [first] = refusedFields(request, dialect.fields);
  if (first !== undefined) return { refused: first.field };
  try {
    const { path, body } = dialect.chat(request, { isStream: false });
    return { path, body };
  } catch (error) {
    if (!(error instanceof ConnectError) || reasonOf(error) !== "unsupported_field") throw error;
    return { refused: fieldOf(error) };
  }
}

describe("a request of the contract", () => {
  it.each(files)("becomes what each kind of upstream takes, or is refused by field: %s", (file) => {
    const { request, expected } = JSON.parse(readFileSync(join(folder, file), "utf8")) as Golden;
    const message = fromJson(ChatRequestSchema, { model: "there", ...(request as object) });
    const seen = expected.flatMap(({ kinds, ...outcome }) => {
      for (const kind of kinds) expect(outcomeOf(kind, message), kind).toEqual(outcome);
      return kinds;
    });
    expect(seen.toSorted()).toEqual(Object.keys(quirkRows).toSorted());
  });
});
