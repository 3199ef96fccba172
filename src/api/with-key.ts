import type { ChatRequest } from "../../gen/parley/v1/chat_pb.ts";
import type { Call } from "../core/context.ts";
import { invalidField } from "../core/reasons.ts";

/** The request with the key of the header. One that says otherwise than the field is refused. */
export function withKey(request: ChatRequest, { idempotencyKey }: Call): ChatRequest {
  if (idempotencyKey === undefined || request.idempotencyKey === idempotencyKey) return request;
  if (request.idempotencyKey === "") return { ...request, idempotencyKey };
  throw invalidField("idempotency_key", "differs from the idempotency-key header: send one of them");
}
