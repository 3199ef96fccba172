import type { LlamaModel, Token } from "node-llama-cpp";
import type { Drawn } from "./drawing.ts";
import { isHidden } from "./drawing/special-tokens.ts";
import { heldLogprobs } from "./held-logprobs.ts";
import type { LoadedModel } from "./model.ts";
import type { OutputPiece, OutputPlan } from "./output.ts";
import type { Prompt } from "./prompt.ts";
import type { EngineLogprob, EngineRequest } from "./protocol.ts";
import { stopDetector } from "./stops.ts";
import { tokenText } from "./token-text.ts";

/** What one token brought. */
export interface Read {
  readonly pieces: readonly OutputPiece[];
  /** Of the tokens that `pieces` are made of, and of those without text. */
  readonly logprobs: readonly EngineLogprob[];
  /** Tokens that come next instead of drawn ones. */
  readonly force?: readonly Token[];
  /** Present with the last. */
  readonly end?: AnswerEnd;
}

/** Why an answer ended. */
export interface AnswerEnd {
  readonly reason: "stop" | "length" | "tool-calls";
  readonly rawReason: "end_token" | "stop_text" | "max_tokens" | "context_end";
  readonly stop?: string;
}

/** Turns the drawn tokens of one choice into pieces of an answer, and finds its end. */
export interface AnswerReader {
  /** Tokens so far, the end token included. */
  readonly tokens: number;
  /** Of these, tokens of thinking. */
  readonly reasoningTokens: number;
  /** GBNF that the next token must match; undefined: none. Compared by identity. */
  readonly grammar: string | undefined;
  next(drawn: Drawn): Read;
}

/** What an answer is read by. */
export interface ReaderPlan {
  readonly request: EngineRequest;
  readonly prompt: Prompt;
  readonly output: OutputPlan;
}

/** A reader for one choice. */
export function answerReader({ model, contextLength }: LoadedModel, { request, prompt, output: plan }: ReaderPlan): AnswerReader {
  const characters = tokenText((tokens, before) => model.detokenize(tokens as Token[], false, before as Token[]), prompt.tokens.slice(-3));
  const stops = stopDetector([...request.stop, ...(request.ignoreEos ? [] : prompt.endTexts)]);
  const logprobs = heldLogprobs();
  const output = plan.begin();
  const left = contextLength - prompt.tokens.length;
  const most = Math.min(request.maxTokens ?? left, left);
  const limit: AnswerEnd = { reason: "length", rawReason: most === request.maxTokens ? "max_tokens" : "context_end" };
  let tokens = 0;
  let [drawnCharacters, toldCharacters] = [0, 0];
  /** What a token has brought, once its text is known to be told. */
  const told = (text: string): Read => {
    toldCharacters += text.length;
    return { pieces: output.push(text), logprobs: logprobs.upTo(toldCharacters) };
  };
  const last = (text: string, end: AnswerEnd, isCut = false): Read => {
    const { pieces, logprobs: own } = told(text);
    return { pieces: [...pieces, ...output.end()], logprobs: isCut ? own : [...own, ...logprobs.rest()], end };
  };
  return {
    get tokens() {
      return tokens;
    },
    reasoningTokens: 0,
    get grammar() {
      return output.grammar;
    },
    next({ token, logprob }) {
      tokens++;
      if (isEnd(model, prompt, token)) return last(stops.flush(), { reason: "stop", rawReason: "end_token" });
      if (logprob !== undefined && !output.isReasoning && !isHidden(model, token)) logprobs.add(logprob, drawnCharacters);
      const fresh = characters.push(token);
      drawnCharacters += fresh.length;
      // Until it may end, no text ends it.
      const { text, stop } = tokens < request.minTokens ? { text: fresh } : stops.push(fresh);
      if (stop !== undefined) return last(text, stopEnd(request, stop), true);
      return tokens < most ? told(text) : last(text + stops.flush(), limit);
    },
  };
}

function isEnd(model: LlamaModel, { endTokens }: Prompt, token: Token): boolean {
  return model.isEogToken(token) || endTokens.has(token);
}

/** A text of the template is no stop text of the caller's. */
function stopEnd(request: EngineRequest, stop: string): AnswerEnd {
  return request.stop.includes(stop) ? { reason: "stop", rawReason: "stop_text", stop } : { reason: "stop", rawReason: "end_token" };
}
