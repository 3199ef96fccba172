import { create, isFieldSet, type DescMessage, type Message } from "@bufbuild/protobuf";
import { ChatRequestSchema, type ChatRequest } from "../../gen/parley/v1/chat_pb.ts";

/** Makes what fills in fields that a caller left out, at any depth: a caller who says a temperature still gets a configured top_p. Requests are copied, never changed. */
export function fillOf(defaults: ChatRequest): (request: ChatRequest) => ChatRequest {
  return (request) => filled(ChatRequestSchema, request, defaults) as ChatRequest;
}

/** A filled request with one field, such as `sampling.temperature`, as its caller has it; the same object where that is what it says already. */
export function unfilled(request: ChatRequest, own: ChatRequest, field: string): ChatRequest {
  const path = field.replaceAll(/\[\d+\]/g, "").split(".");
  return restored(ChatRequestSchema, { filled: request, own, path }) as ChatRequest;
}

type Values = Record<string, unknown>;

function filled(schema: DescMessage, given: Message, defaults: Message): Message {
  const copy: Values = { ...given };
  const from = defaults as unknown as Values;
  for (const field of schema.fields) {
    if (!isFieldSet(defaults, field)) continue;
    const name = field.oneof?.localName ?? field.localName;
    if (field.oneof === undefined ? !isFieldSet(given, field) : caseOf(copy[name]) === undefined) copy[name] = from[name];
    else if (field.fieldKind === "message" && field.oneof === undefined && isOurs(field.message))
      copy[name] = filled(field.message, copy[name] as Message, from[name] as Message);
  }
  return copy as unknown as Message;
}

interface Filled {
  readonly filled: Message;
  readonly own: Message;
  readonly path: readonly string[];
}

function restored(schema: DescMessage, { filled: given, own, path: [first, ...below] }: Filled): Message {
  const field = schema.fields.find(({ name }) => name === first);
  if (field === undefined || !isFieldSet(given, field)) return given;
  const name = field.oneof?.localName ?? field.localName;
  const [from, to] = [own, given] as unknown as [Values, Values];
  if (field.fieldKind !== "message" || field.oneof !== undefined || below.length === 0)
    return from[name] === to[name] ? given : ({ ...to, [name]: from[name] } as unknown as Message);
  const inner = to[name] as Message;
  const less = restored(field.message, { filled: inner, own: (from[name] as Message | undefined) ?? create(field.message), path: below });
  return less === inner ? given : ({ ...to, [name]: less } as unknown as Message);
}

function caseOf(oneof: unknown): string | undefined {
  return (oneof as { readonly case: string | undefined } | undefined)?.case;
}

/** A Struct is one value: the caller's stands whole. */
function isOurs({ typeName }: DescMessage): boolean {
  return !typeName.startsWith("google.protobuf.");
}
