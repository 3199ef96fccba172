import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { isFieldSet } from "@bufbuild/protobuf";
import { reflect, type ReflectMessage } from "@bufbuild/protobuf/reflect";
import { ChatRequestSchema, type ChatRequest } from "../../gen/parley/v1/chat_pb.ts";
import { fault, type FieldViolation } from "./reasons.ts";
import type { ConnectError } from "@connectrpc/connect";

/** What becomes of a field: it is honoured, refused with a reason, or cannot change this provider's answer for a reason. */
export type FieldFate =
  | { readonly is: "honoured" }
  | { readonly is: "refused"; readonly because: string }
  | { readonly is: "inert"; readonly because: string };

/**
 * What a provider does with each field of a ChatRequest, by path in the contract's names without indexes: `sampling.temperature`, `messages.parts.image`.
 * A path speaks for all below it that have no entry of their own; a path without any entry is a fault of the table, and a test finds it.
 */
export type FieldTable = Readonly<Record<string, FieldFate>>;

/** The field is honoured. */
export const honoured: FieldFate = { is: "honoured" };
/** The field is refused. */
export const refused = (because: string): FieldFate => ({ is: "refused", because });
/** The field cannot change the answer. */
export const inert = (because: string): FieldFate => ({ is: "inert", because });

/** Fields that layers and routing deal with, the same for every provider. */
export const serviceFields: FieldTable = {
  model: honoured,
  provider: honoured,
  end_user_id: inert("recorded, never interpreted"),
  metadata: inert("recorded, never interpreted"),
  cache: inert("this version has no cache: every answer is fresh"),
  prompt_cache_key: inert("a hint: it never changes an answer"),
  idempotency_key: refused("this version keeps no answers for repeats"),
  template: refused("this version has no templates"),
};

/** The fate of a path: its own entry, else that of the nearest path above it; undefined when the table has none. */
export function fateOf(table: FieldTable, path: string): FieldFate | undefined {
  for (let at = path; at !== ""; at = at.slice(0, Math.max(0, at.lastIndexOf(".")))) {
    const fate = table[at];
    if (fate !== undefined) return fate;
  }
  return undefined;
}

/** Paths of every field below a message, depth first; messages that contain themselves and those of google.protobuf are leaves. */
export function fieldPaths(schema: DescMessage = ChatRequestSchema): string[] {
  return pathsBelow(schema, "", new Set());
}

/** The fields of a request that a provider refuses. */
export function refusedFields(request: ChatRequest, table: FieldTable): FieldViolation[] {
  const violations: FieldViolation[] = [];
  visit(reflect(ChatRequestSchema, request), { path: "", place: "" }, (path, place) => {
    const fate = fateOf(table, path);
    if (fate?.is === "refused") violations.push({ field: place, description: fate.because });
    return fate?.is !== "refused";
  });
  return violations;
}

/** The error for fields that a provider refuses. */
export function unsupportedFault(provider: string, fields: readonly FieldViolation[]): ConnectError {
  const [first] = fields;
  const more = fields.length > 1 ? ` (and ${fields.length - 1} more)` : "";
  return fault("unsupported_field", `${first?.field ?? "a field"} is not supported by ${provider}: ${first?.description ?? ""}${more}`, {
    provider,
    fields,
  });
}

function pathsBelow(schema: DescMessage, prefix: string, above: ReadonlySet<string>): string[] {
  const inside = new Set([...above, schema.typeName]);
  return schema.fields.flatMap((field) => {
    const path = prefix + field.name;
    const message = messageOf(field);
    if (message === undefined || isLeaf(message) || inside.has(message.typeName)) return [path];
    return [path, ...pathsBelow(message, `${path}.`, inside)];
  });
}

/** Calls `see` with each field that is set, by path and by place with indexes; goes below it when `see` says so. */
function visit(message: ReflectMessage, at: { path: string; place: string }, see: (path: string, place: string) => boolean): void {
  for (const field of message.fields) {
    if (!isFieldSet(message.message, field)) continue;
    const path = at.path + field.name;
    const place = at.place + field.name;
    if (!see(path, place) || messageOf(field) === undefined || isLeaf(messageOf(field)!)) continue;
    if (field.fieldKind === "message") visit(message.get(field), { path: `${path}.`, place: `${place}.` }, see);
    if (field.fieldKind === "list") {
      let index = 0;
      for (const item of message.get(field)) visit(item as ReflectMessage, { path: `${path}.`, place: `${place}[${index++}].` }, see);
    }
  }
}

function messageOf(field: DescField): DescMessage | undefined {
  return field.fieldKind === "message" || field.fieldKind === "list" ? field.message : undefined;
}

function isLeaf(schema: DescMessage): boolean {
  return schema.typeName.startsWith("google.protobuf.");
}
