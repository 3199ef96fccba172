import { ScalarType, type DescField } from "@bufbuild/protobuf";
import type { Wire } from "./wire.ts";

/** Writes a value without its field's number. */
export type WriteValue = (wire: Wire, value: never) => void;

type Long = bigint | number | string;

/** How each kind of number or text is written. Throws a RangeError for what is no such value. */
export const scalarWriters: Readonly<Record<ScalarType, WriteValue>> = {
  [ScalarType.DOUBLE]: (wire, value: number) => wire.double(value),
  [ScalarType.FLOAT]: (wire, value: number) => wire.float(value),
  [ScalarType.INT64]: (wire, value: Long) => wire.int64(value),
  [ScalarType.UINT64]: (wire, value: Long) => wire.uint64(value),
  [ScalarType.INT32]: (wire, value: number) => wire.int32(within(value, -0x80000000, 0x7fffffff)),
  [ScalarType.FIXED64]: (wire, value: Long) => fixed64(wire, BigInt.asUintN(64, BigInt(value))),
  [ScalarType.FIXED32]: (wire, value: number) => fixed32(wire, within(value, 0, 0xffffffff)),
  [ScalarType.BOOL]: (wire, value: boolean) => wire.varint32(value ? 1 : 0),
  [ScalarType.STRING]: (wire, value: string) => wire.text(value),
  [ScalarType.BYTES](wire, value: Uint8Array) {
    wire.varint32(value.length);
    wire.raw(value);
  },
  [ScalarType.UINT32]: (wire, value: number) => wire.varint32(within(value, 0, 0xffffffff)),
  [ScalarType.SFIXED32]: (wire, value: number) => fixed32(wire, within(value, -0x80000000, 0x7fffffff) >>> 0),
  [ScalarType.SFIXED64]: (wire, value: Long) => fixed64(wire, BigInt.asUintN(64, BigInt(value))),
  [ScalarType.SINT32](wire, value: number) {
    const known = within(value, -0x80000000, 0x7fffffff);
    wire.varint32(((known << 1) ^ (known >> 31)) >>> 0);
  },
  [ScalarType.SINT64](wire, value: Long) {
    const known = BigInt(value);
    wire.uint64(BigInt.asUintN(64, (known << 1n) ^ (known >> 63n)));
  },
};

function within(value: number, least: number, most: number): number {
  if (!(Number.isInteger(value) && value >= least && value <= most))
    throw new RangeError(`${value} is no whole number from ${least} to ${most}`);
  return value;
}

function fixed32(wire: Wire, value: number): void {
  wire.ensure(4);
  wire.at = wire.bytes.writeUInt32LE(value, wire.at);
}

function fixed64(wire: Wire, value: bigint): void {
  wire.ensure(8);
  wire.at = wire.bytes.writeBigUInt64LE(value, wire.at);
}

/** How a field's value is told apart on the wire: a varint, 64 bits, something with its length, 32 bits. */
export function wireTypeOf({ scalar, message }: DescField): 0 | 1 | 2 | 5 {
  if (message !== undefined) return 2;
  switch (scalar) {
    case ScalarType.STRING:
    case ScalarType.BYTES:
      return 2;
    case ScalarType.DOUBLE:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return 1;
    case ScalarType.FLOAT:
    case ScalarType.FIXED32:
    case ScalarType.SFIXED32:
      return 5;
    default:
      return 0;
  }
}

/** Whether a value is what a field has when nobody has set it; such a value is not written. */
export function zeroOf({ scalar }: DescField): (value: unknown) => boolean {
  switch (scalar) {
    case ScalarType.STRING:
      return (value) => value === "";
    case ScalarType.BYTES:
      return (value) => value instanceof Uint8Array && value.length === 0;
    case ScalarType.BOOL:
      return (value) => value === false;
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      // Not -0.
      return (value) => Object.is(value, 0);
    default:
      return (value) => value === 0 || value === 0n || value === "0";
  }
}
