import { mayUse } from "../../../core/keys.ts";
import { observe } from "../../../core/stream.ts";
import type { Generate } from "../../../core/work.ts";
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

/** Chats after which that is done, unless they come to no end of their own. */
export function keptAfter(staying: Staying, doors: Doors): ((generate: Generate) => Generate) | undefined {
  if (staying.stay === undefined) return undefined;
  return (generate) => (request, context) => {
    let isCompleted = false;
    return observe(() => generate(request, context), {
      event: ({ event }) => void (isCompleted ||= event.case === "completed"),
      end: () => isCompleted && keepAsAsked(staying, doors),
    });
  };
}
