import { listOf, objectOf, type Refused, type SeenRequest } from "./wire.ts";

const known = new Set(
  (
    "messages model audio frequency_penalty function_call functions logit_bias logprobs max_completion_tokens max_tokens metadata modalities moderation n " +
    "parallel_tool_calls prediction presence_penalty prompt_cache_key prompt_cache_options prompt_cache_retention reasoning_effort response_format " +
    "safety_identifier seed service_tier stop store stream stream_options temperature tool_choice tools top_logprobs top_p user verbosity web_search_options"
  ).split(" "),
);
const roles = new Set(["developer", "system", "user", "assistant", "tool", "function"]);
type Body = Readonly<Record<string, unknown>>;

/** What this API refuses, with its words: message, parameter, code. */
const rules: readonly (readonly [isWrong: (body: Body) => boolean, message: string, parameter: string, code: string])[] = [
  [({ model }) => typeof model !== "string" || model === "", "you must provide a model parameter", "model", "missing_required_parameter"],
  [({ messages }) => listOf(messages).length === 0, "'messages' must have at least one member", "messages", "empty_array"],
  [
    ({ tools }) => listOf(tools).some(isNameless),
    "Missing required parameter: 'tools[0].function.name'.",
    "tools",
    "missing_required_parameter",
  ],
  [(body) => has(body, "stream_options") && body["stream"] !== true, "'stream_options' needs 'stream'.", "stream_options", "invalid_value"],
  [
    (body) => has(body, "tool_choice") && listOf(body["tools"]).length === 0,
    "'tool_choice' needs 'tools'.",
    "tool_choice",
    "invalid_value",
  ],
  [(body) => has(body, "top_logprobs") && body["logprobs"] !== true, "'top_logprobs' needs 'logprobs'.", "top_logprobs", "invalid_value"],
];

function has(body: Body, name: string): boolean {
  return body[name] !== undefined && body[name] !== null;
}

function isNameless(tool: unknown): boolean {
  const { type, function: described } = objectOf(tool);
  return type === "function" && typeof objectOf(described)["name"] !== "string";
}

/** What is wrong with a request for a chat in OpenAI's format; `isStrict`: fields that its API does not know are too. */
export function checkOpenai({ body }: SeenRequest, isStrict: boolean): Refused | undefined {
  const unknown = Object.keys(body).find((name) => !known.has(name));
  if (isStrict && unknown !== undefined) return bad(`Unrecognized request argument supplied: ${unknown}`, unknown, "unknown_parameter");
  const broken = rules.find(([isWrong]) => isWrong(body));
  if (broken !== undefined) return bad(broken[1], broken[2], broken[3]);
  for (const [index, each] of listOf(body["messages"]).entries()) {
    const wrong = wrongMessage(objectOf(each));
    if (wrong !== undefined) return bad(`Invalid 'messages[${index}]': ${wrong}`, `messages[${index}]`, "invalid_value");
  }
  return undefined;
}

function wrongMessage(message: Readonly<Record<string, unknown>>): string | undefined {
  const { role, content, tool_calls: calls, tool_call_id: id } = message;
  if (typeof role !== "string" || !roles.has(role)) return `unknown role '${String(role)}'`;
  if (role === "tool" && typeof id !== "string") return "a message of role 'tool' must have a 'tool_call_id'";
  const isCall = role === "assistant" && listOf(calls).length > 0;
  if (!isCall && typeof content !== "string" && listOf(content).length === 0) return "expected 'content' to be a string or a list";
  const hasOdd = listOf(calls).some((call) => typeof objectOf(objectOf(call)["function"])["arguments"] !== "string");
  return hasOdd ? "expected 'function.arguments' to be a string" : undefined;
}

function bad(message: string, parameter: string | null, code: string): Refused {
  return { status: 400, body: { error: { message, type: "invalid_request_error", param: parameter, code } } };
}
