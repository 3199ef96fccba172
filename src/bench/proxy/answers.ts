/** Chunks with content of a streamed answer. */
const chunkCount = 64;

const created = 1_700_000_000;
const usage = { prompt_tokens: 20, completion_tokens: chunkCount, total_tokens: 20 + chunkCount };
const words = Array.from({ length: chunkCount }, (_, index) => (index === 0 ? "word0" : ` word${index}`));
const common = { id: "chatcmpl-1234567890", created, model: "mock", system_fingerprint: "fp_1" };

/** An answer that comes whole. */
export const wholeAnswer = JSON.stringify({
  ...common,
  object: "chat.completion",
  choices: [{ index: 0, message: { role: "assistant", content: words.join("") }, logprobs: null, finish_reason: "stop" }],
  usage,
});

function frame(delta: unknown, finishReason: string | null, more = {}): string {
  const choices = [{ index: 0, delta, logprobs: null, finish_reason: finishReason }];
  return `data: ${JSON.stringify({ ...common, object: "chat.completion.chunk", choices, ...more })}\n\n`;
}

/** The frames of a streamed answer: who speaks, a word each, why it ended, and the end mark. */
export const streamFrames: readonly string[] = [
  frame({ role: "assistant", content: "" }, null),
  ...words.map((content) => frame({ content }, null)),
  frame({}, "stop", { usage }),
  "data: [DONE]\n\n",
];

/** What a client asks. */
export function question(options: { readonly isStream: boolean; readonly model?: string }): string {
  const { isStream, model = "mock" } = options;
  const messages = [
    { role: "system", content: "You are a helpful assistant." },
    { role: "user", content: "the quick brown fox jumps over the lazy dog and runs away from it all" },
  ];
  return JSON.stringify({ model, messages, temperature: 0.5, ...(isStream && { stream: true, stream_options: { include_usage: true } }) });
}

/** How a stream that came whole ends. */
export const lastWord = words.at(-1) ?? "";
