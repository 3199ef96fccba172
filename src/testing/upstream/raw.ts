import { textOfAnswer, type RefusalCause } from "./turn.ts";
import type { Format, Refused, SeenRequest } from "./wire.ts";

// The format of the older service's `POST /llm`, from its description: whatever is asked for comes whole.

/** That format. */
export const rawFormat: Format = {
  name: "raw",
  streamType: "application/json",
  isStream: () => false,
  check({ body }) {
    return typeof body["prompt"] === "string" ? undefined : { status: 422, body: { detail: "prompt: field required" } };
  },
  whole: (answer) => ({ completion: textOfAnswer(answer) }),
  frames: () => [],
  tail: { endMark: 0, finish: () => 0 },
  refusal,
  errorFrame: () => "",
  models: () => ({ status: "ok" }),
  embeddings: () => ({ detail: "Not Found" }),
  headersOf: () => ({ server: "uvicorn" }),
};

const statuses: Readonly<Partial<Record<RefusalCause, number>>> = {
  "wrong-key": 401,
  "rate-limited": 429,
  unavailable: 503,
  overloaded: 503,
};

function refusal(cause: RefusalCause, _request: SeenRequest): Refused {
  return { status: statuses[cause] ?? 500, body: { detail: `llama.cpp failed: ${cause}` } };
}
