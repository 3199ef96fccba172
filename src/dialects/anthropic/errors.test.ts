import { describe, expect, it } from "vitest";
import { invalidField } from "../../core/reasons.ts";
import { errorToAnthropic } from "./errors.ts";

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
});
