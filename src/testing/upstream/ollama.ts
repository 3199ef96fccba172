import { defaultText, finishOfAnswer, textOfAnswer, usageOfAnswer, type Answer, type RefusalCause } from "./turn.ts";
import { listOf, objectOf, vectorOf, type Format, type Refused, type SeenRequest } from "./wire.ts";

// Ollama's native format as its server speaks it, written from the description of the format and from nothing of ours.

const at = "2026-05-28T20:26:40.123456789Z";
const roles = new Set(["system", "user", "assistant", "tool"]);

/** Ollama's format. */
export const ollamaFormat: Format = {
  name: "ollama",
  streamType: "application/x-ndjson",
  isStream: (body) => body["stream"] !== false,
  check,
  whole,
  frames,
  tail: { endMark: 1, finish: () => 1 },
  refusal,
  errorFrame: (cause, request) => line(refusal(cause, request).body),
  models: (ids) => ({
    models: ids.map((id) => ({
      name: id,
      model: id,
      modified_at: at,
      size: 91_739_413,
      digest: "0".repeat(64),
      details: {
        parent_model: "",
        format: "gguf",
        family: "llama",
        families: ["llama"],
        parameter_size: "134.52M",
        quantization_level: "Q4_1",
      },
    })),
  }),
  embeddings,
  headersOf: () => ({}),
};

function check({ body }: SeenRequest): Refused | undefined {
  if (typeof body["model"] !== "string" || body["model"] === "") return { status: 400, body: { error: "model is required" } };
  for (const message of listOf(body["messages"]).map((each) => objectOf(each))) {
    if (typeof message["role"] !== "string" || !roles.has(message["role"]))
      return { status: 400, body: { error: `invalid role ${String(message["role"])}` } };
    if (message["content"] !== undefined && typeof message["content"] !== "string")
      return { status: 400, body: { error: "json: cannot unmarshal array into Go struct field ChatRequest.messages of type string" } };
    if (listOf(message["tool_calls"]).some((call) => typeof objectOf(objectOf(call)["function"])["arguments"] !== "object"))
      return { status: 400, body: { error: "json: cannot unmarshal string into Go struct field .arguments" } };
    if (listOf(message["images"]).some((image) => typeof image !== "string" || image.startsWith("data:")))
      return { status: 400, body: { error: "illegal base64 data at input byte 4" } };
  }
  return undefined;
}

function line(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}

function doneOf(answer: Answer): object {
  const usage = usageOfAnswer(answer);
  const counts = usage === undefined ? {} : { prompt_eval_count: usage.prompt, eval_count: usage.completion };
  return {
    done_reason: finishOfAnswer(answer) === "length" ? "length" : "stop",
    total_duration: 120_000_000,
    load_duration: 1_000_000,
    prompt_eval_duration: 20_000_000,
    eval_duration: 90_000_000,
    ...counts,
  };
}

function callsOf({ calls = [] }: Answer): unknown[] {
  return calls.map(({ name, pieces }) => ({ function: { name, arguments: JSON.parse(pieces.join("") || "{}") as unknown } }));
}

function whole(answer: Answer, { model }: SeenRequest): unknown {
  const { calls = [], reasoning = [] } = answer;
  const message = {
    role: "assistant",
    content: textOfAnswer(answer),
    ...(reasoning.length > 0 && { thinking: reasoning.join("") }),
    ...(calls.length > 0 && { tool_calls: callsOf(answer) }),
  };
  return { model, created_at: at, message, done: true, ...doneOf(answer) };
}

function frames(answer: Answer, { model }: SeenRequest): readonly string[] {
  const { text = defaultText, calls = [], reasoning = [] } = answer;
  const part = (more: object) => line({ model, created_at: at, message: { role: "assistant", content: "", ...more }, done: false });
  return [
    ...reasoning.map((thinking) => part({ thinking })),
    ...text.map((content) => part({ content })),
    ...(calls.length > 0 ? [part({ tool_calls: callsOf(answer) })] : []),
    line({ model, created_at: at, message: { role: "assistant", content: "" }, done: true, ...doneOf(answer) }),
  ];
}

const refusals: Readonly<Record<RefusalCause, readonly [number, string]>> = {
  "wrong-key": [401, "unauthorized"],
  forbidden: [403, "forbidden"],
  gated: [403, "this model requires a subscription, upgrade for access"],
  "no-quota": [402, "you have reached your usage limit"],
  "unknown-model": [404, 'model "nobody" not found, try pulling it first'],
  "too-large": [413, "http: request body too large"],
  "context-length": [400, "the input length exceeds the context length"],
  "content-filter": [400, "blocked by content filter"],
  invalid: [400, "option temperature must be of type float32"],
  "rate-limited": [429, "too many concurrent requests"],
  "server-error": [500, "llama runner process has terminated: exit status 2"],
  unavailable: [503, "server busy, please try again.  maximum pending requests exceeded"],
  overloaded: [503, "server busy, please try again.  maximum pending requests exceeded"],
};

function refusal(cause: RefusalCause, _request: SeenRequest): Refused {
  const [status, error] = refusals[cause];
  return { status, body: { error } };
}

function embeddings({ body, model }: SeenRequest, dimensions: number): unknown {
  const { input } = body;
  const inputs = (typeof input === "string" ? [input] : listOf(input)).map(String);
  const size = typeof body["dimensions"] === "number" ? body["dimensions"] : dimensions;
  return {
    model,
    embeddings: inputs.map((text) => vectorOf(text, size)),
    total_duration: 14_143_917,
    load_duration: 1_019_500,
    prompt_eval_count: inputs.join(" ").split(" ").length,
  };
}
