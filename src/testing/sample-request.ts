import { create, ScalarType, type DescField, type DescMessage, type MessageInitShape } from "@bufbuild/protobuf";
import { reflect, type ReflectMessage } from "@bufbuild/protobuf/reflect";
import { ChatRequestSchema, type ChatRequest } from "../../gen/parley/v1/chat_pb.ts";
import { MessageSchema, Role } from "../../gen/parley/v1/messages_pb.ts";

/** A request with one message of the user. */
export function userRequest(words: string, more: MessageInitShape<typeof ChatRequestSchema> = {}): ChatRequest {
  const message = create(MessageSchema, { role: Role.USER, parts: [{ part: { case: "text", value: { text: words } } }] });
  return create(ChatRequestSchema, { messages: [message], ...more });
}

/** A request in which only the field at a path is set, made from the descriptor: to a value that its type allows and that is no default. Lists on the way have one item. */
export function requestSetting(path: string): ChatRequest {
  const request = reflect(ChatRequestSchema);
  setField(request, path.split("."));
  return request.message as ChatRequest;
}

function setField(message: ReflectMessage, path: readonly string[]): void {
  const [name, ...below] = path;
  const field = message.fields.find((candidate) => candidate.name === name);
  if (field === undefined) throw new TypeError(`${message.desc.typeName} has no field ${name}`);
  switch (field.fieldKind) {
    case "scalar":
      return message.set(field, sampleOf(field.scalar));
    case "enum":
      return message.set(field, field.enum.values[1]?.number ?? 1);
    case "message":
      return message.set(field, messageWith(field.message, below));
    default:
      return addTo(message, field, below);
  }
}

function addTo(message: ReflectMessage, field: DescField & { fieldKind: "list" | "map" }, below: readonly string[]): void {
  if (field.fieldKind === "list") message.get(field).add(field.listKind === "message" ? messageWith(field.message, below) : itemOf(field));
  else message.get(field).set(field.mapKey === ScalarType.STRING ? "a" : 1, field.mapKind === "scalar" ? sampleOf(field.scalar) : 1);
}

function messageWith(schema: DescMessage, path: readonly string[]): ReflectMessage {
  const message = reflect(schema);
  if (path.length > 0) setField(message, path);
  return message;
}

function itemOf(field: DescField & { fieldKind: "list" }): unknown {
  return field.listKind === "scalar" ? sampleOf(field.scalar) : 1;
}

function sampleOf(scalar: ScalarType): unknown {
  switch (scalar) {
    case ScalarType.STRING:
      return "a";
    case ScalarType.BOOL:
      return true;
    case ScalarType.BYTES:
      return Uint8Array.of(1);
    case ScalarType.INT64:
    case ScalarType.UINT64:
      return 1n;
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return 0.5;
    default:
      return 1;
  }
}
