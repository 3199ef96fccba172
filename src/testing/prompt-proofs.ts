import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ChatRequest, ChatRequestSchema } from "../../gen/parley/v1/chat_pb.ts";
import { ReasoningEffort, Role, type PartSchema } from "../../gen/parley/v1/messages_pb.ts";

type Ask = Exclude<MessageInitShape<typeof ChatRequestSchema>, ChatRequest>;
type Part = NonNullable<MessageInitShape<typeof PartSchema>["part"]>;

/** A chat template that writes all that a conversation can hold. */
export const tellingTemplate =
  "{{ style }}{% if reasoning_effort %}{{ reasoning_effort }}{% endif %}{% for tool in tools %}<tools>{{ tool | tojson }}</tools>{% endfor %}" +
  "{% for m in messages %}<|im_start|>{{ m.role }} {{ m.name }} {{ m.tool_call_id }}\n{{ m.reasoning_content }}{{ m.content }}" +
  "{% for c in m.tool_calls %}<tool_call>{{ c.id }} {{ c.function.name }} {{ c.function.arguments }}</tool_call>{% endfor %}<|im_end|>\n{% endfor %}" +
  "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

const greedy = { maxTokens: 24, sampling: { temperature: 0 } };

function told(...turns: readonly (readonly [role: Role, ...parts: Part[]])[]): Ask {
  return { ...greedy, messages: turns.map(([role, ...parts]) => ({ role, parts: parts.map((part) => ({ part })) })) };
}

function text(value: string): Part {
  return { case: "text", value: { text: value } };
}

interface Exchange {
  readonly id?: string;
  readonly name?: string;
  readonly arguments?: string;
  readonly content?: string;
  readonly isError?: boolean;
}

/** A question, a call, and its result. */
function exchange({ id = "one", name = "look", arguments: args = '{"at":"a"}', content = "seen", isError = false }: Exchange): Ask {
  return told(
    [Role.USER, text("look")],
    [Role.ASSISTANT, { case: "toolCall", value: { id, name, arguments: args } }],
    [Role.TOOL, { case: "toolResult", value: { toolCallId: id, content: [{ part: text(content) }], isError } }],
  );
}

const hi = told([Role.USER, text("hi")]);
const answered = told([Role.USER, text("hi")], [Role.ASSISTANT, text("well")]);
/** Two calls, of which one has its result. */
const oneResult = (toolCallId: string) =>
  told(
    [Role.USER, text("look")],
    [Role.ASSISTANT, ...["a", "the other"].map((id): Part => ({ case: "toolCall", value: { id, name: "look", arguments: "{}" } }))],
    [Role.TOOL, { case: "toolResult", value: { toolCallId, content: [{ part: text("seen") }] } }],
  );

/** For each field that only a chat template can tell the model: two requests that differ in it alone, whose answers differ with such a template. */
export const promptProofs: Readonly<Record<string, { readonly with: Ask; readonly without: Ask }>> = {
  "messages.name": { with: { ...hi, messages: [{ role: Role.USER, name: "ann", parts: [{ part: text("hi") }] }] }, without: hi },
  "messages.parts.reasoning.text": {
    with: told(
      [Role.USER, text("hi")],
      [Role.ASSISTANT, { case: "reasoning", value: { text: "hm, hm" } }, text("well")],
      [Role.USER, text("go")],
    ),
    without: told([Role.USER, text("hi")], [Role.ASSISTANT, text("well")], [Role.USER, text("go")]),
  },
  "messages.parts.tool_call.id": { with: exchange({ id: "other" }), without: exchange({}) },
  "messages.parts.tool_call.name": { with: exchange({ name: "listen" }), without: exchange({}) },
  "messages.parts.tool_call.arguments": { with: exchange({ arguments: '{"at":"something else"}' }), without: exchange({}) },
  "messages.parts.tool_result.tool_call_id": { with: oneResult("the other"), without: oneResult("a") },
  "messages.parts.tool_result.content": { with: exchange({ content: "nothing at all" }), without: exchange({}) },
  "messages.parts.tool_result.is_error": { with: exchange({ isError: true }), without: exchange({}) },
  "reasoning.effort": { with: { ...hi, reasoning: { effort: ReasoningEffort.HIGH } }, without: hi },
  chat_template_options: { with: { ...hi, chatTemplateOptions: { style: "in rhymes" } }, without: hi },
  continue_final_message: { with: { ...answered, continueFinalMessage: true }, without: answered },
};
