import { Type, type Static } from "typebox";
import { integer, orNull, sayable } from "../../openai/wire/shapes.ts";
import { PrismUsage } from "./prism.ts";

/** Body of `POST /invoke`. */
export const InvokeRequest = Type.Object({
  request_id: Type.String({ minLength: 1, maxLength: 255, description: "Fresh for each call." }),
  user_prompt: Type.String({ minLength: 1, description: "Asked last, behind `messages`." }),
  system_prompt: sayable(Type.String({ description: "Told first, before `messages`." })),
  openai_api_key: sayable(
    Type.String({
      pattern: "^(sk-[!-~]+)?$",
      maxLength: 4096,
      description:
        "The caller's own key for the upstream that answers, where the operator lets callers bring one. Absent or empty: the operator's.",
    }),
  ),
  model: sayable(Type.String({ maxLength: 256 })),
  temperature: sayable(Type.Number({ minimum: 0, maximum: 2 })),
  max_tokens: sayable(integer({ minimum: 1 })),
  messages: sayable(Type.Array(Type.Object({ type: Type.Enum(["system", "human", "ai"]), content: Type.String() }))),
});
/** Body of `POST /invoke`. */
export type InvokeRequest = Static<typeof InvokeRequest>;

const timestamp = Type.String({ description: "ISO 8601, in UTC." });

/** Answer of `POST /invoke`. */
export const InvokeAnswer = Type.Object({
  success: Type.Literal(true),
  request_id: Type.String(),
  data: Type.Object({
    response: Type.String(),
    confidence: orNull(Type.Number({ description: "exp of the mean logprob of the answer's tokens; null where the provider tells none." })),
  }),
  usage: orNull(PrismUsage),
  performance: Type.Object({
    request_latency_ms: Type.Number(),
    llm_latency_ms: orNull(Type.Number()),
    cache_hit: Type.Boolean(),
    retry_count: Type.Integer(),
    rate_limited: Type.Boolean(),
  }),
  model: Type.String(),
  cached: Type.Boolean(),
  timestamp,
  error: Type.Null(),
});
/** Answer of `POST /invoke`. */
export type InvokeAnswer = Static<typeof InvokeAnswer>;

/** Kinds of failures, one a status. */
export const InvokeErrorType = Type.Enum([
  "validation_error",
  "authentication_error",
  "permission_error",
  "not_found_error",
  "duplicate_request_error",
  "rate_limit_error",
  "internal_error",
  "not_implemented_error",
  "service_unavailable_error",
]);
/** Kinds of failures. */
export type InvokeErrorType = Static<typeof InvokeErrorType>;

/** How the service with `/invoke` told of failures. */
export const InvokeFailure = Type.Object({
  success: Type.Literal(false),
  request_id: orNull(
    Type.String({
      description: "As the body says it; null where that could not be read, or the call was refused before it was (401, 403, 429).",
    }),
  ),
  error: Type.Object({
    error_type: InvokeErrorType,
    error_code: Type.String(),
    message: Type.String(),
    field: orNull(Type.String()),
    details: Type.Record(Type.String(), Type.String()),
  }),
  timestamp,
});
/** How the service with `/invoke` told of failures. */
export type InvokeFailure = Static<typeof InvokeFailure>;
