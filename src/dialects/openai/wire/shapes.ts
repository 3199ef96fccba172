import { Type, type TNull, type TOptional, type TSchema, type TUnion } from "typebox";

/** A field of a request that need not be said; null says nothing either, since clients send both. */
export function sayable<Schema extends TSchema>(schema: Schema): TOptional<TUnion<[Schema, TNull]>> {
  return Type.Optional(Type.Union([schema, Type.Null()]));
}

/** A field of an answer that is always there, with null where there is no value. */
export function orNull<Schema extends TSchema>(schema: Schema): TUnion<[Schema, TNull]> {
  return Type.Union([schema, Type.Null()]);
}

/** An integer of 32 bits, as far as a field's own range does not say otherwise. */
export function integer(range: { readonly minimum?: number; readonly maximum?: number; readonly description?: string } = {}) {
  return Type.Integer({ minimum: -2_147_483_648, maximum: 2_147_483_647, ...range });
}

/** An object of any keys. */
export const AnyObject = Type.Record(Type.String(), Type.Unknown());
