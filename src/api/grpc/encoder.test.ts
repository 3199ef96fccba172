import {
  create,
  createFileRegistry,
  fromBinary,
  ScalarType,
  toBinary,
  type DescField,
  type DescMessage,
  type MessageInitShape,
} from "@bufbuild/protobuf";
import {
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  type FileDescriptorProto,
} from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import { ChatEventSchema, ChatRequestSchema, ChatResponseSchema } from "../../../gen/parley/v1/chat_pb.ts";
import { EmbedResponseSchema } from "../../../gen/parley/v1/embeddings_pb.ts";
import { ListModelsResponseSchema } from "../../../gen/parley/v1/models_pb.ts";
import { seededRandom } from "../../testing/seeded-random.ts";
import { encoderOf } from "./encoder.ts";
import { Wire } from "./wire.ts";

function encoded(desc: DescMessage, message: object): Buffer {
  const wire = new Wire();
  encoderOf(desc)(wire, message);
  return wire.take();
}

const expectSame = (desc: DescMessage, message: MessageInitShape<DescMessage>) => {
  const whole = create(desc, message);
  expect(encoded(desc, whole).toString("hex")).toBe(Buffer.from(toBinary(desc, whole)).toString("hex"));
};

/** Values that are written differently, or nearly the limits of how they are written. */
const numbers = [0, 1, -1, 127, 128, 16_383, 16_384, 0x7fffffff, -0x80000000];
const longs = [0n, 1n, -1n, 127n, 2n ** 32n, 2n ** 53n, 2n ** 63n - 1n, -(2n ** 63n)];
const texts = ["", "a", "x".repeat(40), "x".repeat(41), "é", "日本語 🙂", "y".repeat(200), "z".repeat(20_000), "half \ud800"];
const doubles = [0, -0, 1.5, -1e300, Number.NaN, Number.POSITIVE_INFINITY];

const unsigned = longs.map((value) => BigInt.asUintN(64, value));
const floats = doubles.map((value) => Math.fround(Math.max(value, -1e30)));
const counts = [...numbers.map((value) => value >>> 0), 0xffffffff];
const values: Partial<Record<ScalarType, readonly unknown[]>> = {
  [ScalarType.STRING]: texts,
  [ScalarType.BYTES]: [new Uint8Array(), Uint8Array.of(1, 2, 255), new Uint8Array(300)],
  [ScalarType.BOOL]: [true, false],
  [ScalarType.DOUBLE]: doubles,
  [ScalarType.FLOAT]: floats,
  [ScalarType.INT64]: longs,
  [ScalarType.SINT64]: longs,
  [ScalarType.SFIXED64]: longs,
  [ScalarType.UINT64]: unsigned,
  [ScalarType.FIXED64]: unsigned,
  [ScalarType.UINT32]: counts,
  [ScalarType.FIXED32]: counts,
};

type Random = ReturnType<typeof seededRandom>;

/** A message of the type with some of its fields, of any kind, set to any of their values. */
function randomMessage(desc: DescMessage, random: Random, depth = 0): MessageInitShape<DescMessage> {
  const message: Record<string, unknown> = {};
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)]!;
  const single = (field: DescField): unknown => {
    if (field.message !== undefined) {
      if (field.message.typeName === "google.protobuf.Struct") return { any: [1, "x", null, { deep: true }] };
      return depth > 3 ? {} : randomMessage(field.message, random, depth + 1);
    }
    if (field.enum !== undefined) return pick(field.enum.values).number;
    return pick(values[field.scalar ?? ScalarType.INT32] ?? numbers);
  };
  for (const field of desc.fields) {
    if (random() < 0.4) continue;
    if (field.oneof !== undefined) message[field.oneof.localName] = { case: field.localName, value: single(field) };
    else if (field.fieldKind === "list") message[field.localName] = Array.from({ length: Math.floor(random() * 4) }, () => single(field));
    else if (field.fieldKind === "map") message[field.localName] = { 7: single(field), 0: single(field) };
    else message[field.localName] = single(field);
  }
  return message;
}

/** A type with every kind of scalar: alone, optional, in a list. */
function everyScalar(): DescMessage {
  const types = Object.entries(Type).filter(([name]) => !/^(GROUP|MESSAGE|ENUM)$/.test(name) && Number.isNaN(Number(name)));
  let number = 0;
  const field = (name: string, more: object) => ({ name, number: ++number, label: Label.OPTIONAL, ...more });
  const fields = types.flatMap(([name, type]) => [
    field(`a_${name}`, { type }),
    field(`o_${name}`, { type, proto3Optional: true }),
    field(`l_${name}`, { type, label: Label.REPEATED }),
  ]);
  const optional = fields.filter((one) => one.name.startsWith("o_"));
  optional.forEach((one, index) => Object.assign(one, { oneofIndex: index }));
  const oneofDecl = optional.map(({ name }) => ({ name: `_${name}` }));
  const file: FileDescriptorProto = create(FileDescriptorProtoSchema, {
    name: "every.proto",
    syntax: "proto3",
    messageType: [{ name: "Every", field: fields, oneofDecl }],
  });
  return createFileRegistry(create(FileDescriptorSetSchema, { file: [file] })).getMessage("Every")!;
}

describe("the encoder writes what the library writes", () => {
  it.each([ChatEventSchema, ChatRequestSchema, ChatResponseSchema, EmbedResponseSchema, ListModelsResponseSchema])(
    "of $typeName",
    (desc) => {
      const random = seededRandom(7);
      for (let round = 0; round < 300; round++) expectSame(desc, randomMessage(desc, random));
    },
  );

  it("of every kind of number and text, at its limits", () => {
    const desc = everyScalar();
    const random = seededRandom(11);
    for (let round = 0; round < 500; round++) expectSame(desc, randomMessage(desc, random));
  });

  it("of messages in an older syntax", () => {
    expectSame(FileDescriptorProtoSchema, ChatEventSchema.file.proto);
    expectSame(FileDescriptorProtoSchema, { name: "", options: { deprecated: false, javaPackage: "x" } });
  });

  it("of fields that only a newer version knows", () => {
    const message = fromBinary(ChatEventSchema, Uint8Array.of(0x08, 0x03, 0xf8, 0x7f, 0x05));
    expect(message.$unknown).toHaveLength(1);
    expectSame(ChatEventSchema, message);
  });
});

describe("the encoder", () => {
  it("refuses a number that its field cannot hold, and keeps what was written before", () => {
    expect(() => encoded(ChatEventSchema, create(ChatEventSchema, { sequence: 1.5 }))).toThrow("1.5 is no whole number");
    expect(() => encoded(ChatEventSchema, create(ChatEventSchema, { sequence: 2 ** 40 }))).toThrow("is no whole number");
  });
});
