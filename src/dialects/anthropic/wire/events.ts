import { Type, type Static } from "typebox";
import { ErrorBody } from "./errors.ts";
import { BegunMessage, ContentBlock, Stop } from "./message.ts";
import { DeltaUsage } from "./usage.ts";

const index = Type.Integer({ minimum: 0 });

/** The answer begins. */
export const MessageStart = Type.Object({ type: Type.Literal("message_start"), message: BegunMessage });
/** The answer begins. */
export type MessageStart = Static<typeof MessageStart>;

/** The answer has ended, and what it took. */
export const MessageDelta = Type.Object({
  type: Type.Literal("message_delta"),
  delta: Type.Object({ ...Stop.properties, container: Type.Null() }),
  usage: DeltaUsage,
});
/** The answer has ended, and what it took. */
export type MessageDelta = Static<typeof MessageDelta>;

/** A piece of the block that is being written. */
const Piece = Type.Union([
  Type.Object({ type: Type.Literal("text_delta"), text: Type.String() }),
  Type.Object({ type: Type.Literal("thinking_delta"), thinking: Type.String() }),
  Type.Object({ type: Type.Literal("signature_delta"), signature: Type.String() }),
  Type.Object({ type: Type.Literal("input_json_delta"), partial_json: Type.String() }),
]);

/** The data of one event of a stream; the event's name is its type. */
export const MessageEvent = Type.Union([
  MessageStart,
  Type.Object({ type: Type.Literal("content_block_start"), index, content_block: ContentBlock }),
  Type.Object({ type: Type.Literal("content_block_delta"), index, delta: Piece }),
  Type.Object({ type: Type.Literal("content_block_stop"), index }),
  MessageDelta,
  Type.Object({ type: Type.Literal("message_stop") }),
  Type.Object({ type: Type.Literal("ping") }),
  ErrorBody,
]);
/** The data of one event of a stream. */
export type MessageEvent = Static<typeof MessageEvent>;
