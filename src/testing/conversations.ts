import type { EngineConversation, EngineMessage, EngineTool, EngineToolCall } from "../engine/protocol/prompt.ts";

/** A conversation that asks for nothing special. */
export function conversation(messages: readonly EngineMessage[], more: Partial<EngineConversation> = {}): EngineConversation {
  return {
    type: "messages",
    messages,
    tools: [],
    toolChoice: { mode: "auto", names: [] },
    continueFinalMessage: false,
    templateOptions: {},
    ...more,
  };
}

/** What the operator says. */
export function system(text: string, more: Partial<EngineMessage> = {}): EngineMessage {
  return { role: "system", text, ...more };
}

/** What the person says. */
export function user(text: string, more: Partial<EngineMessage> = {}): EngineMessage {
  return { role: "user", text, ...more };
}

/** What the model said. */
export function assistant(text: string, more: Partial<EngineMessage> = {}): EngineMessage {
  return { role: "assistant", text, ...more };
}

/** A call of `weather` for a city. */
export function weatherCall(id: string, city: string): EngineToolCall {
  return { id, name: "weather", arguments: `{"city":"${city}"}` };
}

/** What a call brought. */
export function weatherResult(toolCallId: string, text: string): EngineMessage {
  return { role: "tool", text, name: "weather", toolCallId };
}

/** A function of one text. */
export const weatherTool: EngineTool = {
  name: "weather",
  description: "Tells the weather",
  parameters: JSON.stringify({ type: "object", properties: { city: { type: "string", description: "where" } }, required: ["city"] }),
  strict: false,
};

/** Chat templates that do one thing each as families of models do it. */
export const templates = {
  chatMl:
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}",
  /** Trims what is said, insists on turns, and knows no system messages. */
  strict:
    "{{ bos_token }}{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('turns must alternate') }}{% endif %}" +
    "<start_of_turn>{{ 'model' if m.role == 'assistant' else m.role }}\n{{ m.content | trim }}<end_of_turn>\n{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}",
  /** Writes a system message at the beginning alone, tools, calls as JSON of data, results and thinking. */
  hermes:
    "{% if tools or messages[0].role == 'system' %}<|im_start|>system\n{% if messages[0].role == 'system' %}{{ messages[0].content }}{% endif %}" +
    "{% if tools %}<tools>{% for tool in tools %}{{ tool | tojson }}{% endfor %}</tools>{% endif %}<|im_end|>\n{% endif %}" +
    "{% for m in messages %}{% if m.role == 'user' %}<|im_start|>user\n{{ m.content }}<|im_end|>\n{% elif m.role == 'assistant' %}<|im_start|>assistant\n" +
    "{% if m.reasoning_content %}<think>{{ m.reasoning_content }}</think>{% endif %}{{ m.content }}" +
    '{% for c in m.tool_calls %}<tool_call>{"name": "{{ c.function.name }}", "arguments": {{ c.function.arguments | tojson }}}</tool_call>{% endfor %}<|im_end|>\n' +
    "{% elif m.role == 'tool' %}<|im_start|>user\n<tool_response>{{ m.content }}</tool_response><|im_end|>\n{% endif %}{% endfor %}" +
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n{% else %}<think>\n{% endif %}{% endif %}",
  /** Calls as text, one a message, with ids of nine letters and digits. */
  mistral:
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}{% if tools and loop.last %}[AVAILABLE_TOOLS]{{ tools | tojson }}[/AVAILABLE_TOOLS]{% endif %}[INST]{{ m.content }}[/INST]" +
    "{% elif m.role == 'system' %}[SYSTEM_PROMPT]{{ m.content }}[/SYSTEM_PROMPT]{% elif m.tool_calls %}{% if m.tool_calls | length > 1 %}{{ raise_exception('one call a message') }}{% endif %}" +
    "{% set c = m.tool_calls[0] %}{% if c.id | length != 9 %}{{ raise_exception('ids must have nine letters') }}{% endif %}[TOOL_CALLS]{{ c.function.name }}[ARGS]{{ c.function.arguments }}</s>" +
    "{% elif m.role == 'tool' %}[TOOL_RESULTS]{{ m.tool_call_id }} {{ m.content }}[/TOOL_RESULTS]{% else %}{{ m.content }}</s>{% endif %}{% endfor %}",
  /** Content in parts, and an effort. */
  parts:
    "{% if reasoning_effort %}Reasoning: {{ reasoning_effort }}\n{% endif %}{% for m in messages %}<|{{ m.role }}{% if m.name %} {{ m.name }}{% endif %}|>" +
    "{% for part in m.content %}{% if part.type == 'text' %}{{ part.text }}{% endif %}{% endfor %}\n{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}",
} as const;
