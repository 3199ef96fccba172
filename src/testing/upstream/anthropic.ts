import { defaultText, finishOfAnswer, textOfAnswer, usageOfAnswer, type Answer, type RefusalCause } from "./turn.ts";
import { listOf, objectOf, prefixOf, type Format, type Refused, type SeenRequest } from "./wire.ts";

// Anthropic's format as its API speaks it, written from the description of the format and from nothing of ours.

const versions = new Set(["2023-06-01", "2026-10-21"]);
const sampling = ["temperature", "top_p", "top_k"];
const finishes = { stop: "end_turn", length: "max_tokens", calls: "tool_use", filter: "refusal" } as const;

/** Anthropic's format. */
export const anthropicFormat: Format = {
  name: "anthropic",
  streamType: "text/event-stream; charset=utf-8",
  isStream: (body) => body["stream"] === true,
  check,
  whole,
  frames,
  tail: { endMark: 1, finish: () => 2 },
  refusal,
  errorFrame: (cause, request) => frame("error", objectOf(refusal(cause, request).body)),
  models: (ids) => ({
    data: ids.map((id) => ({ type: "model", id, display_name: id, created_at: "2026-01-01T00:00:00Z" })),
    has_more: false,
    first_id: ids[0] ?? null,
    last_id: ids.at(-1) ?? null,
  }),
  embeddings: () => ({ type: "error", error: { type: "not_found_error", message: "Not Found" } }),
  headersOf: ({ number }) => ({ "request-id": `req_${number}`, "anthropic-organization-id": "scripted" }),
};

type Body = Readonly<Record<string, unknown>>;

/** What this API refuses of a request, with its words. */
const rules: readonly (readonly [isWrong: (body: Body) => boolean, message: string])[] = [
  [({ model }) => typeof model !== "string" || model === "", "model: Field required"],
  [({ max_tokens: most }) => !Number.isInteger(most) || Number(most) < 1, "max_tokens: Field required"],
  [({ messages }) => listOf(messages).length === 0, "messages: at least one message is required"],
  [(body) => /\s$/u.test(prefixOf(body)), "messages: final assistant content cannot end with trailing whitespace"],
];

/** What it refuses of a message's block, with its words. */
const blockRules: readonly (readonly [isWrong: (block: Body) => boolean, message: string])[] = [
  [({ type, text }) => type === "text" && text === "", "text content blocks must be non-empty"],
  [({ type, tool_use_id: id }) => type === "tool_result" && typeof id !== "string", "tool_use_id: Field required"],
  [({ type, input }) => type === "tool_use" && (typeof input !== "object" || input === null), "input: Input should be a valid dictionary"],
];

function check({ body, headers }: SeenRequest): Refused | undefined {
  const version = headers["anthropic-version"];
  if (typeof version !== "string" || !versions.has(version)) return bad("anthropic-version: header is required");
  const isNew = version === "2026-10-21";
  const odd = isNew ? sampling.find((name) => body[name] !== undefined) : undefined;
  if (odd !== undefined) return bad(`${odd}: Extra inputs are not permitted`);
  const broken = rules.find(([isWrong]) => isWrong(body));
  if (broken !== undefined) return bad(broken[1]);
  for (const [index, each] of listOf(body["messages"]).entries()) {
    const wrong = wrongMessage(objectOf(each), isNew);
    if (wrong !== undefined) return bad(`messages.${index}.${wrong}`);
  }
  return wrongTools(body);
}

function wrongMessage({ role, content }: Body, isNew: boolean): string | undefined {
  if (role !== "user" && role !== "assistant" && !(isNew && role === "system")) return "role: Input should be 'user' or 'assistant'";
  const blocks = typeof content === "string" ? [{ type: "text", text: content }] : listOf(content).map((each) => objectOf(each));
  if (blocks.length === 0) return "content: Field required";
  const broken = blockRules.find(([isWrong]) => blocks.some((each) => isWrong(each)));
  return broken === undefined ? undefined : `content: ${broken[1]}`;
}

function wrongTools(body: Readonly<Record<string, unknown>>): Refused | undefined {
  for (const tool of listOf(body["tools"]).map((each) => objectOf(each))) {
    if (typeof tool["name"] !== "string" || !/^[\w-]{1,128}$/u.test(tool["name"])) return bad("tools.0.name: String should match pattern");
    if (objectOf(tool["input_schema"])["type"] !== "object") return bad("tools.0.input_schema.type: Field required");
  }
  return undefined;
}

function bad(message: string): Refused {
  return { status: 400, body: { type: "error", error: { type: "invalid_request_error", message }, request_id: "req_scripted" } };
}

function usageOf(answer: Answer, outputTokens: number | undefined): unknown {
  const { prompt = 0, completion = 0, cached = 0 } = usageOfAnswer(answer) ?? {};
  return {
    input_tokens: prompt - cached,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: cached,
    output_tokens: outputTokens ?? completion,
    service_tier: "standard",
  };
}

function whole(answer: Answer, request: SeenRequest): unknown {
  const { text = defaultText, calls = [], reasoning = [] } = answer;
  return {
    id: `msg_${request.number}`,
    type: "message",
    role: "assistant",
    model: `${request.model}-20260101`,
    content: [
      ...(reasoning.length > 0 ? [{ type: "thinking", thinking: reasoning.join(""), signature: "c2ln" }] : []),
      ...(text.length > 0 ? [{ type: "text", text: textOfAnswer(answer), citations: null }] : []),
      ...calls.map(({ id, name, pieces }) => ({ type: "tool_use", id, name, input: JSON.parse(pieces.join("") || "{}") as unknown })),
    ],
    stop_reason: finishes[finishOfAnswer(answer)],
    stop_sequence: null,
    ...(usageOfAnswer(answer) !== undefined && { usage: usageOf(answer, undefined) }),
  };
}

function frame(event: string, data: Readonly<Record<string, unknown>>): string {
  return `event: ${event}\ndata: ${JSON.stringify({ type: event, ...data })}\n\n`;
}

/** A block's frames: its start, its pieces, its end. */
function blockFrames(index: number, start: unknown, deltas: readonly unknown[]): string[] {
  return [
    frame("content_block_start", { index, content_block: start }),
    ...deltas.map((delta) => frame("content_block_delta", { index, delta })),
    frame("content_block_stop", { index }),
  ];
}

function frames(answer: Answer, request: SeenRequest): readonly string[] {
  const { text = defaultText, calls = [], reasoning = [] } = answer;
  const message = { ...objectOf(whole(answer, request)), content: [], stop_reason: null, usage: usageOf(answer, 1) };
  const thought = [...reasoning.map((thinking) => ({ type: "thinking_delta", thinking })), { type: "signature_delta", signature: "c2ln" }];
  const blocks: ((index: number) => string[])[] = [
    ...(reasoning.length > 0 ? [(index: number) => blockFrames(index, { type: "thinking", thinking: "", signature: "" }, thought)] : []),
    ...(text.length > 0
      ? [
          (index: number) =>
            blockFrames(
              index,
              { type: "text", text: "" },
              text.map((piece) => ({ type: "text_delta", text: piece })),
            ),
        ]
      : []),
    ...calls.map(
      ({ id, name, pieces }) =>
        (index: number) =>
          blockFrames(
            index,
            { type: "tool_use", id, name, input: {} },
            pieces.map((piece) => ({ type: "input_json_delta", partial_json: piece })),
          ),
    ),
  ];
  const usage = usageOfAnswer(answer);
  return [
    frame("message_start", { message }),
    frame("ping", {}),
    ...blocks.flatMap((make, index) => make(index)),
    frame("message_delta", {
      delta: { stop_reason: finishes[finishOfAnswer(answer)], stop_sequence: null },
      ...(usage !== undefined && { usage: { output_tokens: usage.completion } }),
    }),
    frame("message_stop", {}),
  ];
}

const refusals: Readonly<Record<RefusalCause, readonly [number, string, string]>> = {
  "wrong-key": [401, "authentication_error", "invalid x-api-key"],
  forbidden: [403, "permission_error", "Your API key does not have permission to use the specified resource."],
  gated: [403, "permission_error", "Your organization has no access to this model."],
  "no-quota": [
    402,
    "billing_error",
    "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.",
  ],
  "unknown-model": [404, "not_found_error", "model: nobody"],
  "too-large": [413, "request_too_large", "Request exceeds the maximum size"],
  "context-length": [400, "invalid_request_error", "prompt is too long: 209001 tokens > 200000 maximum"],
  "content-filter": [400, "invalid_request_error", "Output blocked by content filtering policy"],
  invalid: [400, "invalid_request_error", "temperature: Input should be less than or equal to 1"],
  "rate-limited": [429, "rate_limit_error", "This request would exceed your organization's rate limit of 50 requests per minute."],
  "server-error": [500, "api_error", "Internal server error"],
  unavailable: [503, "api_error", "Service unavailable"],
  overloaded: [529, "overloaded_error", "Overloaded"],
};

function refusal(cause: RefusalCause, { number }: SeenRequest): Refused {
  const [status, type, message] = refusals[cause];
  return { status, body: { type: "error", error: { type, message }, request_id: `req_${number}` } };
}
