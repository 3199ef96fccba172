import { checkOpenai } from "./openai-check.ts";
import { defaultText, finishOfAnswer, textOfAnswer, usageOfAnswer, type Answer, type RefusalCause } from "./turn.ts";
import { contentText, listOf, objectOf, vectorOf, type Format, type Refused, type SeenRequest } from "./wire.ts";

// OpenAI's format as its API speaks it, written from the description of the format and from nothing of ours.

const created = 1_780_000_000;
const finishes = { stop: "stop", length: "length", calls: "tool_calls", filter: "content_filter" } as const;

/** OpenAI's format. `isStrict`: fields that its API does not know are refused, as that API does and compatible ones do not. */
export function openaiFormat({ isStrict = true }: { readonly isStrict?: boolean } = {}): Format {
  return {
    name: "openai",
    streamType: "text/event-stream; charset=utf-8",
    isStream: (body) => body["stream"] === true,
    check: (request) => checkOpenai(request, isStrict),
    whole,
    frames,
    tail: {
      endMark: 1,
      finish: (answer, request) => (answer.choices ?? 1) + (wantsUsage(request) && usageOfAnswer(answer) !== undefined ? 1 : 0) + 1,
    },
    refusal,
    errorFrame: (cause, request) => frame(refusal(cause, request).body),
    models: (ids) => ({ object: "list", data: ids.map((id) => ({ id, object: "model", created, owned_by: "scripted" })) }),
    embeddings,
    headersOf: ({ number }) => ({ "x-request-id": `req_${number}`, "openai-version": "2020-10-01", "openai-processing-ms": "12" }),
  };
}

function usageOf(answer: Answer): unknown {
  const usage = usageOfAnswer(answer);
  if (usage === undefined) return undefined;
  const { prompt, completion, cached = 0, reasoning = 0 } = usage;
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: { cached_tokens: cached, audio_tokens: 0 },
    completion_tokens_details: {
      reasoning_tokens: reasoning,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  };
}

function logprobsOf(answer: Answer, pieces: readonly string[]): unknown {
  if (answer.logprobs !== true) return null;
  const content = pieces.map((token) => {
    const bytes = [...Buffer.from(token)];
    return {
      token,
      logprob: -0.25,
      bytes,
      top_logprobs: [
        { token, logprob: -0.25, bytes },
        { token: "?", logprob: -2.5, bytes: [63] },
      ],
    };
  });
  return { content, refusal: null };
}

function whole(answer: Answer, request: SeenRequest): unknown {
  const { text = defaultText, calls = [], reasoning = [], choices = 1 } = answer;
  const usage = usageOf(answer);
  const message = {
    role: "assistant",
    content: text.length === 0 ? null : textOfAnswer(answer),
    refusal: null,
    annotations: [],
    ...(reasoning.length > 0 && { reasoning_content: reasoning.join("") }),
    ...(calls.length > 0 && {
      tool_calls: calls.map(({ id, name, pieces }) => ({ id, type: "function", function: { name, arguments: pieces.join("") } })),
    }),
  };
  return {
    id: `chatcmpl-${request.number}`,
    object: "chat.completion",
    created,
    model: `${request.model}-2026-01-01`,
    choices: Array.from({ length: choices }, (_, index) => ({
      index,
      message,
      logprobs: logprobsOf(answer, text),
      finish_reason: finishes[finishOfAnswer(answer)],
    })),
    ...(usage !== undefined && { usage }),
    service_tier: "default",
    system_fingerprint: "fp_scripted",
  };
}

function wantsUsage({ body }: SeenRequest): boolean {
  return objectOf(body["stream_options"])["include_usage"] === true;
}

function frame(data: unknown): string {
  return `data: ${JSON.stringify(data)}\n\n`;
}

function frames(answer: Answer, request: SeenRequest): readonly string[] {
  const { text = defaultText, calls = [], reasoning = [], choices = 1 } = answer;
  const about = {
    id: `chatcmpl-${request.number}`,
    object: "chat.completion.chunk",
    created,
    model: `${request.model}-2026-01-01`,
    service_tier: "default",
    system_fingerprint: "fp_scripted",
  };
  const empty = wantsUsage(request) ? { usage: null } : {};
  const indexes = Array.from({ length: choices }, (_, index) => index);
  const chunk = (index: number, delta: unknown, more: { readonly finish?: string; readonly logprobs?: unknown } = {}) =>
    frame({ ...about, choices: [{ index, delta, logprobs: more.logprobs ?? null, finish_reason: more.finish ?? null }], ...empty });
  const each = (make: (index: number) => string) => indexes.map(make);
  const deltas = [
    ...each((index) => chunk(index, { role: "assistant", content: "", refusal: null })),
    ...reasoning.flatMap((piece) => each((index) => chunk(index, { reasoning_content: piece }))),
    ...text.flatMap((piece) => each((index) => chunk(index, { content: piece }, { logprobs: logprobsOf(answer, [piece]) }))),
    ...calls.flatMap(({ id, name, pieces }, at) => [
      ...each((index) => chunk(index, { tool_calls: [{ index: at, id, type: "function", function: { name, arguments: "" } }] })),
      ...pieces.flatMap((piece) => each((index) => chunk(index, { tool_calls: [{ index: at, function: { arguments: piece } }] }))),
    ]),
    ...each((index) => chunk(index, {}, { finish: finishes[finishOfAnswer(answer)] })),
  ];
  const usage = wantsUsage(request) ? usageOf(answer) : undefined;
  return [...deltas, ...(usage === undefined ? [] : [frame({ ...about, choices: [], usage })]), "data: [DONE]\n\n"];
}

const refusals: Readonly<Record<RefusalCause, readonly [number, string, string, string | null]>> = {
  "wrong-key": [
    401,
    "Incorrect API key provided: sk-wr***ng. You can find your API key at https://platform.openai.com/account/api-keys.",
    "invalid_request_error",
    "invalid_api_key",
  ],
  forbidden: [403, "You are not allowed to sample from this model", "invalid_request_error", "permission_denied"],
  gated: [
    403,
    "Cannot access gated repo. Access to this model is restricted and you are not in the authorized list. Visit the model's page to ask for access.",
    "invalid_request_error",
    null,
  ],
  "no-quota": [
    429,
    "You exceeded your current quota, please check your plan and billing details.",
    "insufficient_quota",
    "insufficient_quota",
  ],
  "unknown-model": [404, "The model `nobody` does not exist or you do not have access to it.", "invalid_request_error", "model_not_found"],
  "too-large": [413, "Request too large. The limit is 512 MB.", "invalid_request_error", null],
  "context-length": [
    400,
    "This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens. Please reduce the length of the messages.",
    "invalid_request_error",
    "context_length_exceeded",
  ],
  "content-filter": [
    400,
    "The response was filtered due to the prompt triggering the content management policy.",
    "invalid_request_error",
    "content_filter",
  ],
  invalid: [400, "Invalid value: 'temperature' must be at most 2.", "invalid_request_error", "invalid_value"],
  "rate-limited": [
    429,
    "Rate limit reached for requests per min (RPM): Limit 3, Used 3. Please try again.",
    "requests",
    "rate_limit_exceeded",
  ],
  "server-error": [500, "The server had an error while processing your request. Sorry about that!", "server_error", null],
  unavailable: [503, "The engine is currently overloaded, please try again later.", "server_error", null],
  overloaded: [503, "Slow down: the server is overloaded.", "server_error", "server_is_overloaded"],
};

function refusal(cause: RefusalCause, _request: SeenRequest): Refused {
  const [status, message, type, code] = refusals[cause];
  return { status, body: { error: { message, type, param: null, code } } };
}

function embeddings({ body, model }: SeenRequest, dimensions: number): unknown {
  const { input } = body;
  const inputs = typeof input === "string" ? [input] : listOf(input).map((each) => (typeof each === "string" ? each : contentText(each)));
  const size = typeof body["dimensions"] === "number" ? body["dimensions"] : dimensions;
  const data = inputs.map((text, index) => {
    const vector = vectorOf(text, size);
    const embedding = body["encoding_format"] === "base64" ? Buffer.from(Float32Array.from(vector).buffer).toString("base64") : vector;
    return { object: "embedding", index, embedding };
  });
  const tokens = inputs.join(" ").split(" ").length;
  return { object: "list", data, model, usage: { prompt_tokens: tokens, total_tokens: tokens } };
}
