import type { ChatRequest } from "../../gen/parley/v1/chat_pb.ts";
import { unfilled } from "./fill.ts";
import type { FieldViolation } from "./reasons.ts";
import type { Kind } from "./work.ts";

/** What a caller would like and can do without: a target that refuses the field is asked in another way, rather than not at all. */
export interface Concession {
  /** Path in the contract's names, such as `top_logprobs`. */
  readonly field: string;
  /** The request without the field; the same object where it has none. */
  readonly instead: (request: ChatRequest) => ChatRequest;
}

/** What may be left out of a request. */
export interface Dispensable<Request, Event> {
  readonly kind: Kind<Request, Event>;
  /** The request as its caller has it: what was filled in beside that is nothing it asked for. */
  readonly own: Request;
  readonly offered: readonly Concession[] | undefined;
}

/** Defaults that an operator has for everybody say how an answer is drawn, and no more: a model that knows no temperature is asked without it. What else a route fills in is meant: `max_tokens` is a cap, without which an answer may cost what nobody wanted to pay. */
const isHowItIsDrawn = (field: string): boolean => field.startsWith("sampling.");

/** The request without fields that are refused; undefined: one of them is not to be done without. */
export function doingWithout<Request, Event>(
  refused: readonly Pick<FieldViolation, "field">[],
  request: Request,
  { kind, own, offered }: Dispensable<Request, Event>,
): Request | undefined {
  let asked = request;
  for (const { field } of refused) {
    const concession = offered?.find((each) => each.field === field);
    const said = kind.chatOf(own);
    const instead =
      concession?.instead ?? ((chat: ChatRequest) => (said === undefined || !isHowItIsDrawn(field) ? chat : unfilled(chat, said, field)));
    const less = kind.withChat(asked, instead);
    if (kind.chatOf(less) === kind.chatOf(asked)) return undefined;
    asked = less;
  }
  return asked;
}
