import { openaiFormat } from "./openai.ts";
import { defaultText, finishOfAnswer, textOfAnswer, usageOfAnswer, type Answer } from "./turn.ts";
import { listOf, objectOf, type Format, type Refused, type SeenRequest } from "./wire.ts";

// OpenAI's older API, as vLLM speaks it: prompts as text or tokens, and what follows them.

const created = 1_780_000_000;
const finishes = { stop: "stop", length: "length", calls: "stop", filter: "content_filter" } as const;
const chats = openaiFormat({ isStrict: false });

/** OpenAI's format of prompts; the rest is that of its chats. */
export const promptFormat: Format = {
  ...chats,
  check,
  whole,
  frames,
  tail: { endMark: 1, finish: (answer, request) => 2 + (wantsUsage(request) && usageOfAnswer(answer) !== undefined ? 1 : 0) },
};

function check({ body: { prompt } }: SeenRequest): Refused | undefined {
  if (typeof prompt === "string" || listOf(prompt).some((item) => typeof item === "number")) return undefined;
  const message = "you must provide a prompt";
  return { status: 400, body: { error: { message, type: "invalid_request_error", param: "prompt", code: null } } };
}

function echoed({ body: { prompt, echo } }: SeenRequest): string {
  return echo === true && typeof prompt === "string" ? prompt : "";
}

function logprobsOf(answer: Answer, pieces: readonly string[]): unknown {
  if (answer.logprobs !== true) return null;
  return {
    tokens: pieces,
    token_logprobs: pieces.map(() => -0.25),
    top_logprobs: pieces.map((piece) => ({ [piece]: -0.25, "?": -2.5 })),
    text_offset: pieces.map((_, index) => pieces.slice(0, index).join("").length),
  };
}

function usageOf(answer: Answer): unknown {
  const usage = usageOfAnswer(answer);
  if (usage === undefined) return undefined;
  const { prompt, completion } = usage;
  return { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion, prompt_tokens_details: null };
}

function about({ number, model }: SeenRequest): object {
  return { id: `cmpl-${number}`, object: "text_completion", created, model };
}

function whole(answer: Answer, request: SeenRequest): unknown {
  const { text = defaultText } = answer;
  const choice = {
    index: 0,
    text: echoed(request) + textOfAnswer(answer),
    logprobs: logprobsOf(answer, text),
    finish_reason: finishes[finishOfAnswer(answer)],
    stop_reason: null,
  };
  return { ...about(request), choices: [choice], usage: usageOf(answer) };
}

function wantsUsage({ body }: SeenRequest): boolean {
  return objectOf(body["stream_options"])["include_usage"] === true;
}

function frames(answer: Answer, request: SeenRequest): readonly string[] {
  const { text = defaultText } = answer;
  const chunk = (piece: string, finish: string | null, logprobs: unknown = null) =>
    frame({ ...about(request), choices: [{ index: 0, text: piece, logprobs, finish_reason: finish }] });
  const echo = echoed(request);
  const usage = wantsUsage(request) ? usageOf(answer) : undefined;
  return [
    ...(echo === "" ? [] : [chunk(echo, null)]),
    ...text.map((piece) => chunk(piece, null, logprobsOf(answer, [piece]))),
    chunk("", finishes[finishOfAnswer(answer)]),
    ...(usage === undefined ? [] : [frame({ ...about(request), choices: [], usage })]),
    "data: [DONE]\n\n",
  ];
}

function frame(data: unknown): string {
  return `data: ${JSON.stringify(data)}\n\n`;
}
