import {
  create,
  ScalarType,
  toBinary,
  type DescField,
  type DescMessage,
  type MessageInitShape,
  type MessageShape,
} from "@bufbuild/protobuf";
import { Edition, FeatureSet_FieldPresence as Presence, isWrapperDesc } from "@bufbuild/protobuf/wkt";
import { scalarWriters, wireTypeOf, zeroOf, type WriteValue } from "./scalars.ts";
import type { Wire } from "./wire.ts";

/** Writes a message to the wire. */
export type Encode = (wire: Wire, message: object) => void;

type Fields = Readonly<Record<string, unknown>>;
type WriteField = (wire: Wire, message: Fields) => void;

const encoders = new WeakMap<DescMessage, Encode>();

/**
 * The encoder of a type of message. It writes what `toBinary` writes, straight to where it is sent from: the library makes two arrays of bytes a message, which is most of what a token costs.
 * Numbers, texts, enums, messages and lists of them are written here; maps, JSON structures, and messages in any other syntax than proto3, by the library.
 */
export function encoderOf(desc: DescMessage): Encode {
  const known = encoders.get(desc);
  if (known !== undefined) return known;
  const fields: WriteField[] = [];
  const encode =
    desc.file.edition === Edition.EDITION_PROTO3 ? byFields(fields) : (wire: Wire, message: object) => whole(wire, desc, message);
  // Known before its fields are, for a message may hold its own kind.
  encoders.set(desc, encode);
  if (desc.file.edition === Edition.EDITION_PROTO3)
    for (const field of desc.fields.toSorted((a, b) => a.number - b.number)) fields.push(fieldWriter(field));
  return encode;
}

function byFields(fields: readonly WriteField[]): Encode {
  return (wire, message) => {
    for (let index = 0; index < fields.length; index++) fields[index]!(wire, message as Fields);
    const { $unknown } = message as { readonly $unknown?: readonly Unknown[] };
    if ($unknown !== undefined) writeUnknown(wire, $unknown);
  };
}

function whole(wire: Wire, desc: DescMessage, message: object): void {
  wire.raw(toBinary(desc, message as MessageShape<DescMessage>));
}

interface Unknown {
  readonly no: number;
  readonly wireType: number;
  readonly data: Uint8Array;
}

function writeUnknown(wire: Wire, unknown: readonly Unknown[]): void {
  for (const { no, wireType, data } of unknown) {
    wire.varint32(((no << 3) | wireType) >>> 0);
    wire.raw(data);
  }
}

function fieldWriter(field: DescField): WriteField {
  const { localName } = field;
  const write = isOurs(field) ? tagged(field) : undefined;
  if (write === undefined) return byLibrary(field);
  if (field.oneof !== undefined) {
    const oneof = field.oneof.localName;
    return (wire, message) => {
      const chosen = message[oneof] as { readonly case?: string; readonly value?: unknown };
      if (chosen.case === localName) write(wire, chosen.value as never);
    };
  }
  if (field.fieldKind === "list") return listWriter(field, write);
  if (field.presence === Presence.IMPLICIT) {
    const isZero = zeroOf(field);
    return (wire, message) => {
      const value = message[localName];
      if (!isZero(value)) write(wire, value as never);
    };
  }
  return (wire, message) => {
    const value = message[localName];
    if (value !== undefined) write(wire, value as never);
  };
}

/** Whether a field is of a kind that is written here. Messages that stand for something else in JavaScript are not. */
function isOurs(field: DescField): boolean {
  return (
    field.fieldKind !== "map" &&
    (field.message === undefined || !(isWrapperDesc(field.message) || field.message.typeName === "google.protobuf.Struct"))
  );
}

/** Rare fields, written by the library as a message that has nothing else. */
function byLibrary({ parent, localName, oneof }: DescField): WriteField {
  return (wire, message) => {
    const value = message[oneof?.localName ?? localName];
    if (value === undefined || (oneof !== undefined && (value as { case?: string }).case !== localName)) return;
    const alone = { [oneof?.localName ?? localName]: value } as MessageInitShape<DescMessage>;
    whole(wire, parent, create(parent, alone));
  };
}

function listWriter(field: DescField & { readonly fieldKind: "list" }, write: WriteValue): WriteField {
  const { localName, number } = field;
  const packed = field.packed ? untagged(field) : undefined;
  const tag = tagOf(number, lengthDelimited);
  return (wire, message) => {
    const items = message[localName] as readonly never[];
    if (items.length === 0) return;
    if (packed === undefined) {
      for (let index = 0; index < items.length; index++) write(wire, items[index]!);
      return;
    }
    wire.varint32(tag);
    const start = wire.open();
    for (let index = 0; index < items.length; index++) packed(wire, items[index]!);
    wire.close(start);
  };
}

const lengthDelimited = 2;

/** Unsigned, for numbers of fields have up to 29 bits. */
function tagOf(number: number, wireType: number): number {
  return ((number << 3) | wireType) >>> 0;
}

/** Writes a value with its field's number before it. */
function tagged(field: DescField): WriteValue {
  const write = untagged(field);
  const tag = tagOf(field.number, wireTypeOf(field));
  return (wire, value) => {
    wire.varint32(tag);
    write(wire, value);
  };
}

function untagged(field: DescField): WriteValue {
  if (field.message !== undefined) {
    let encode: Encode | undefined;
    const { message } = field;
    return (wire: Wire, value: object) => {
      encode ??= encoderOf(message);
      const start = wire.open();
      encode(wire, value);
      wire.close(start);
    };
  }
  return scalarWriters[field.scalar ?? ScalarType.INT32];
}
