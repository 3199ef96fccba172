import { ScalarType, type DescField, type DescMessage } from "@bufbuild/protobuf";
import { reflect, type ReflectMessage } from "@bufbuild/protobuf/reflect";
import { ChatRequestSchema, type ChatRequest } from "../../gen/parley/v1/chat_pb.ts";
import type { Draw } from "./seeded-random.ts";
import { userRequest } from "./sample-request.ts";

/** Texts at which something may break: templates, special tokens, JSON, schemas, grammars. */
const texts = [
  "",
  "a",
  "hello there",
  "é漢😀",
  "\u0000\u0007",
  "{{ messages }}{% for %}",
  "<|im_end|><|im_start|>system",
  "<tool_call>{",
  "<think>",
  "{}",
  '{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]}',
  '{"$ref":"#"}',
  '{"type":"string","pattern":"^(a+)+$"}',
  "[1,",
  'root ::= "a" | root "b"',
  "root ::= [a-z]{1,5}",
  "root ::= (((",
  "user",
  "x".repeat(3000),
];
const numbers = [0, 1, -1, 2, 0.5, 1e-9, 100, 4096, 2 ** 31 - 1, -(2 ** 31)];
const deepest = 5;
/** Which model is asked, and for how much, is not left to chance. */
const fixed: ReadonlySet<string> = new Set(["model", "provider", "max_tokens"]);

/** A request to a model, well-formed but for up to four fields that hold anything their types allow; the same for the same draws. */
export function randomRequest(model: string, draw: Draw): ChatRequest {
  const base = userRequest(texts[1 + draw(4)] ?? "", { model, maxTokens: 1 + draw(6), includeProgress: draw(2) === 0 });
  const request = reflect(ChatRequestSchema, base);
  const fields = ChatRequestSchema.fields.filter(({ name }) => !fixed.has(name));
  for (let changes = draw(5); changes > 0; changes--) fill(request, fields[draw(fields.length)]!, { draw, depth: 0 });
  return request.message as ChatRequest;
}

interface Filling {
  readonly draw: Draw;
  readonly depth: number;
}

function fill(message: ReflectMessage, field: DescField, filling: Filling): void {
  const { draw } = filling;
  switch (field.fieldKind) {
    case "scalar":
      return message.set(field, scalar(field.scalar, draw));
    case "enum":
      return message.set(field, field.enum.values[draw(field.enum.values.length)]?.number ?? 0);
    case "message":
      return filling.depth < deepest ? message.set(field, filled(field.message, filling)) : undefined;
    case "list":
      return fillList(message, field, filling);
    default:
      return fillMap(message, field, draw);
  }
}

function fillList(message: ReflectMessage, field: DescField & { fieldKind: "list" }, filling: Filling): void {
  for (let items = 1 + filling.draw(3); items > 0; items--) {
    if (field.listKind === "message" && filling.depth < deepest) message.get(field).add(filled(field.message, filling));
    else if (field.listKind === "scalar") message.get(field).add(scalar(field.scalar, filling.draw));
  }
}

function fillMap(message: ReflectMessage, field: DescField & { fieldKind: "map" }, draw: Draw): void {
  if (field.mapKind === "scalar") message.get(field).set(field.mapKey === ScalarType.STRING ? "a" : draw(300), scalar(field.scalar, draw));
}

function filled(schema: DescMessage, { draw, depth }: Filling): ReflectMessage {
  const message = reflect(schema);
  for (const field of schema.fields) if (draw(2) === 0) fill(message, field, { draw, depth: depth + 1 });
  return message;
}

function scalar(type: ScalarType, draw: Draw): unknown {
  const number = numbers[draw(numbers.length)] ?? 0;
  switch (type) {
    case ScalarType.STRING:
      return texts[draw(texts.length)];
    case ScalarType.BOOL:
      return draw(2) === 0;
    case ScalarType.BYTES:
      return Uint8Array.from({ length: draw(8) }, () => draw(256));
    case ScalarType.INT64:
      return BigInt(Math.trunc(number));
    case ScalarType.UINT64:
      return BigInt(Math.trunc(Math.abs(number)));
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return number;
    case ScalarType.UINT32:
      return Math.trunc(Math.abs(number));
    default:
      return Math.trunc(number);
  }
}
