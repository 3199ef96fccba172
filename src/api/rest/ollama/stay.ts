import type { ChatEvent } from "../../../../gen/parley/v1/chat_pb.ts";
import { mayUse } from "../../../core/keys.ts";
import type { Watch } from "../../../core/stream.ts";
import type { Doors, Exchange } from "../../exchange.ts";
import { mayManage } from "../../may-manage.ts";

/** What a model that has answered is asked to do. */
export interface Staying {
  readonly name: string;
  /** For how many seconds it is to stay; 0: it is to go, Infinity: it is to stay. Undefined: nothing. */
  readonly stay: number | undefined;
  readonly exchange: Pick<Exchange, "call">;
}

/**
 * Has a model that has answered stay for so long as its caller says. Clients say it with every call, whoever they are: it is heeded of those who may manage, and where there is
 * something of this machine to stay. Nobody waits for it, neither the answer nor who asks next: what is to go goes with its last call.
 */
export function keepAsAsked({ name, stay, exchange: { call } }: Staying, { service: { models } }: Pick<Doors, "service">): void {
  if (stay !== undefined && mayManage(call.caller) && mayUse(call.caller, [name])) models.keep(name, stay);
}

/** Does that once a chat has come to an end of its own; undefined: there is nothing to do. */
export function keepingAfter(staying: Staying, doors: Doors): Watch<ChatEvent> | undefined {
  if (staying.stay === undefined) return undefined;
  let isCompleted = false;
  return {
    event: ({ event }) => void (isCompleted ||= event.case === "completed"),
    end: () => isCompleted && keepAsAsked(staying, doors),
  };
}
