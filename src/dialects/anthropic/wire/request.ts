import { Type, type Static } from "typebox";
import { sayable } from "../../openai/wire/shapes.ts";
import { leastBudget } from "../thinking.ts";
import { BlockParam, CacheControl, TextParam } from "./blocks.ts";

const Tokens = Type.Integer({ minimum: 1, maximum: 2147483647 });
const Schema = Type.Record(Type.String(), Type.Unknown(), { description: "A JSON schema." });

const MessageParam = Type.Object({
  role: Type.Union([Type.Literal("user"), Type.Literal("assistant"), Type.Literal("system")]),
  content: Type.Union([Type.String(), Type.Array(BlockParam)]),
});

const ToolParam = Type.Object({
  type: sayable(Type.Literal("custom", { description: "Tools that Anthropic's own servers run are refused." })),
  name: Type.String({ pattern: "^[A-Za-z0-9_-]{1,64}$" }),
  description: sayable(Type.String()),
  input_schema: Schema,
  strict: sayable(Type.Boolean()),
  cache_control: sayable(CacheControl),
});

const parallel = { disable_parallel_tool_use: sayable(Type.Boolean()) };
const ToolChoiceParam = Type.Union([
  Type.Object({ type: Type.Literal("auto"), ...parallel }),
  Type.Object({ type: Type.Literal("any"), ...parallel }),
  Type.Object({ type: Type.Literal("tool"), name: Type.String(), ...parallel }),
  Type.Object({ type: Type.Literal("none") }),
]);

const display = {
  display: sayable(
    Type.Union([Type.Literal("summarized"), Type.Literal("omitted")], {
      description: "`omitted`: thinking is told by its signature alone.",
    }),
  ),
};
const ThinkingParam = Type.Union([
  Type.Object({ type: Type.Literal("enabled"), budget_tokens: Type.Integer({ minimum: leastBudget, maximum: 2147483647 }), ...display }),
  Type.Object({ type: Type.Literal("adaptive"), ...display }),
  Type.Object({ type: Type.Literal("between_tools") }),
  Type.Object({ type: Type.Literal("disabled") }),
]);

const efforts = [Type.Literal("low"), Type.Literal("medium"), Type.Literal("high"), Type.Literal("xhigh"), Type.Literal("max")] as const;
const OutputConfig = Type.Object({
  effort: sayable(Type.Union([...efforts])),
  format: sayable(Type.Object({ type: Type.Literal("json_schema"), schema: Schema })),
});

const prompt = {
  model: Type.String({ description: "Id or alias; empty: the default model." }),
  messages: Type.Array(MessageParam, { minItems: 1 }),
  system: sayable(Type.Union([Type.String(), Type.Array(TextParam)])),
  tools: sayable(Type.Array(ToolParam)),
  tool_choice: sayable(ToolChoiceParam),
  thinking: sayable(ThinkingParam),
  output_config: sayable(OutputConfig),
  cache_control: sayable(CacheControl),
  context_management: sayable(
    Type.Record(Type.String(), Type.Unknown(), {
      description: "Passed on to models of Anthropic's; all others read the whole conversation.",
    }),
  ),
};

/** The body of `POST /v1/messages`. */
export const MessageRequest = Type.Object({
  ...prompt,
  max_tokens: Tokens,
  stream: sayable(Type.Boolean()),
  temperature: sayable(Type.Number({ minimum: 0, maximum: 2 })),
  top_p: sayable(Type.Number({ exclusiveMinimum: 0, maximum: 1 })),
  top_k: sayable(Type.Integer({ minimum: 0 })),
  stop_sequences: sayable(Type.Array(Type.String({ minLength: 1 }))),
  metadata: sayable(Type.Object({ user_id: sayable(Type.String({ maxLength: 256 })) })),
  service_tier: sayable(Type.Union([Type.Literal("auto"), Type.Literal("standard_only")])),
  inference_geo: sayable(Type.String()),
  speed: sayable(Type.Literal("standard")),
});
/** The body of `POST /v1/messages`. */
export type MessageRequest = Static<typeof MessageRequest>;

/** The body of `POST /v1/messages/count_tokens`. */
export const CountRequest = Type.Object(prompt);
/** The body of `POST /v1/messages/count_tokens`. */
export type CountRequest = Static<typeof CountRequest>;
