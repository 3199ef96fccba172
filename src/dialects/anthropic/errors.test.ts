import { describe, expect, it } from "vitest";
import { fault, invalidField } from "../../core/reasons.ts";
import { errorToAnthropic, statusToAnthropic } from "./errors.ts";

describe("an error of a request for a message", () => {
  const named = (field: string, places?: readonly string[]) =>
    errorToAnthropic(invalidField(field, "is wrong"), { requestId: "r", ...(places !== undefined && { places }) });

  it("is Anthropic's object, with the kind of its reason", () => {
    expect(named("temperature")).toEqual({
      type: "error",
      error: { type: "invalid_request_error", message: "temperature: is wrong" },
      request_id: "r",
    });
  });

  it("about a conversation that is to be kept says in the words that clients understand that none is", () => {
    expect(named("thread").error.details).toEqual({ error_code: "thread_unsupported_request", unsupported: null });
    expect(named("model").error).not.toHaveProperty("details");
  });

  it.each([
    ["sampling.top_k", "top_k"],
    ["stop[1]", "stop_sequences[1]"],
    ["response_format.json_schema.schema", "output_config.format"],
    ["tools[2].function.parameters", "tools[2].input_schema"],
    ["tools[2].function.name", "tools[2].name"],
    ["messages[0].parts[0]", "system"],
    ["messages[2].parts[0].tool_call.arguments", "messages[1].content"],
    ["messages[3].content[1].source", "messages[3].content[1].source"],
    ["thinking.type", "thinking.type"],
  ])("about %s names %s", (field, name) => {
    expect(named(field, ["system", "messages[0]", "messages[1]", "messages[2]"]).error.message).toBe(`${name}: is wrong`);
  });

  it.each([
    ["the service's own queue is full", fault("queue_full", "x"), 529, "overloaded_error"],
    ["it drains", fault("draining", "x"), 529, "overloaded_error"],
    ["an upstream is overloaded", fault("provider_unavailable", "x", { metadata: { upstream_status: "529" } }), 529, "overloaded_error"],
    ["an upstream is not ready", fault("provider_unavailable", "x", { metadata: { upstream_status: "503" } }), 529, "overloaded_error"],
    ["an upstream cannot be reached", fault("provider_unavailable", "x"), 502, "api_error"],
    ["a model is too large", fault("model_too_large", "x"), 503, "api_error"],
    ["an upstream limits the rate", fault("provider_rate_limited", "x"), 429, "rate_limit_error"],
    ["a body is too large", fault("body_too_large", "x"), 413, "request_too_large"],
    ["time is over", fault("deadline_exceeded", "x"), 504, "timeout_error"],
  ])("has Anthropic's status and kind where %s", (...[, error, status, type]) => {
    expect([statusToAnthropic(error), errorToAnthropic(error, { requestId: "r" }).error.type]).toEqual([status, type]);
  });
});
