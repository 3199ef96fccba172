import { lastLineOf } from "../../../core/last-line.ts";
import type { Clock } from "../../../core/ports.ts";
import { awaParam } from "../../../dialects/older/awa.ts";
import { errorToDetail } from "../../../dialects/older/detail.ts";
import { errorToInvoke, invokeStatusOf } from "../../../dialects/older/invoke-errors.ts";
import { DetailBody } from "../../../dialects/older/wire/detail.ts";
import { InvokeFailure } from "../../../dialects/older/wire/langchain.ts";
import type { ParamOf } from "../../../dialects/openai/errors.ts";
import { statusOf } from "../../exchange.ts";
import type { Envelope } from "../envelope.ts";

/** Prism's and Distiller's; `param` tells what the caller of one body calls our fields. */
export function detailEnvelope(param?: ParamOf): Envelope {
  return { statusOf, schema: DetailBody, bodyOf: (error) => errorToDetail(error, param) };
}

/** AWA's: what is not the caller's to mend is status 500, with the last line of the native library where there is one. */
export const awaEnvelope: Envelope = {
  schema: DetailBody,
  statusOf: (error) => Math.min(500, statusOf(error)),
  bodyOf(error) {
    const { detail } = errorToDetail(error, awaParam);
    const line = lastLineOf(error);
    return { detail: line === undefined ? detail : `${detail} (${line})` };
  },
};

/** What is known of a call of `/invoke` when it fails. */
interface InvokeFacts {
  readonly clock: Clock;
  readonly requestId?: string | undefined;
  readonly param?: ParamOf;
}

/** That of `/invoke`. */
export function invokeEnvelope({ clock, requestId, param = (field) => field }: InvokeFacts): Envelope {
  return {
    statusOf: invokeStatusOf,
    schema: InvokeFailure,
    bodyOf: (error) => errorToInvoke(error, { requestId, nowMs: clock.now(), param }),
  };
}
