import type { Generate } from "../../../core/work.ts";
import type { AskedLoad } from "../../../dialects/ollama/load.ts";
import type { Doors, Exchange } from "../../exchange.ts";
import { mayManage } from "../../may-manage.ts";

/** What a model that has answered is asked to do. */
export interface Staying {
  readonly name: string;
  /** Undefined: nothing. */
  readonly stay: AskedLoad | undefined;
  readonly exchange: Exchange;
}

/**
 * Has a model that has answered stay for so long as its caller says, or unloads it. Clients say it with every call, whoever they are: it is heeded of those who may manage, and
 * where there is something of this machine to stay. It never fails: the answer is out.
 */
export async function keepAsAsked({ name, stay, exchange: { call } }: Staying, { service: { models }, log }: Doors): Promise<void> {
  if (stay === undefined || !mayManage(call.caller) || models.facts(name)?.stay === undefined) return;
  const { signal } = new AbortController();
  try {
    if (stay.isUnload) await models.unload(name, signal);
    else for await (const step of models.load(name, stay.options, signal)) void step;
  } catch (error) {
    log.warn("a model does not stay for as long as a call said", { requestId: call.requestId, error });
  }
}

/** Chats after which that is done. */
export function keptAfter(staying: Staying, doors: Doors): ((generate: Generate) => Generate) | undefined {
  if (staying.stay === undefined) return undefined;
  return (generate) =>
    async function* kept(request, context) {
      try {
        yield* generate(request, context);
      } finally {
        await keepAsAsked(staying, doors);
      }
    };
}
