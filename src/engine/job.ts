import type { Prompt } from "./prompt.ts";
import { errorToEngine, type EngineEvent, type EngineRequest } from "./protocol.ts";
import type { Choice, ChoicePlan, Step } from "./choice.ts";

/** One request on its way through the engine. */
export interface Job {
  readonly id: number;
  readonly priority: EngineRequest["priority"];
  readonly request: EngineRequest;
  /** Whether all its choices have begun. */
  readonly hasBegun: boolean;
  /** Whether its first choice has begun. */
  readonly isAdmitted: boolean;
  /** Whether it has nothing more to say: completed, failed or cancelled. */
  readonly isOver: boolean;
  isPaused: boolean;
  /** The next choice to begin. */
  begin(): ChoicePlan;
  /** Its place in the queue has changed. */
  waitsAt(position: number): void;
  /** A choice has read more of the prompt, or has drawn a token. */
  stepped(choice: Choice, step: Step): void;
  fail(error: unknown): void;
  /** Nobody wants it any more. */
  cancel(): void;
}

/** What a job needs of its surroundings. */
export interface JobOptions {
  readonly id: number;
  readonly request: EngineRequest;
  readonly prompt: Prompt;
  /** Text that each choice begins with; empty for none. */
  readonly echo: string;
  readonly tell: (event: EngineEvent) => void;
}

/** A request whose prompt is made. */
export function job({ id, request, prompt, echo, tell }: JobOptions): Job {
  const queuedAt = performance.now();
  const total = prompt.tokens.length;
  let [begun, ended, completionTokens, position] = [0, 0, 0, 0];
  let admittedAt = queuedAt;
  let generatingAt: number | undefined;
  let isOver = false;
  const complete = () => {
    isOver = true;
    const now = performance.now();
    tell({
      type: "completed",
      stats: {
        promptTokens: total,
        completionTokens,
        queueMs: admittedAt - queuedAt,
        promptMs: (generatingAt ?? now) - admittedAt,
        generationMs: now - (generatingAt ?? now),
      },
    });
  };
  return {
    id,
    priority: request.priority,
    request,
    isPaused: false,
    get hasBegun() {
      return begun === request.seeds.length;
    },
    get isAdmitted() {
      return begun > 0;
    },
    get isOver() {
      return isOver;
    },
    begin() {
      const index = begun++;
      if (index === 0) {
        admittedAt = performance.now();
        tell({ type: "admitted", queueMs: admittedAt - queuedAt });
      }
      if (echo !== "") tell({ type: "text", choice: index, text: echo });
      return { request, prompt, index };
    },
    waitsAt(next) {
      if (!request.includeProgress || next === position || begun > 0) return;
      position = next;
      tell({ type: "waiting", position });
    },
    stepped(choice, { text, end }) {
      if (!choice.isGenerating || choice.completionTokens === 1) {
        if (choice.index === 0 && request.includeProgress)
          tell({ type: "reading", tokensDone: total - choice.promptTokensLeft, tokensTotal: total });
        if (choice.isGenerating) generatingAt ??= performance.now();
      }
      if (text !== "") tell({ type: "text", choice: choice.index, text });
      if (end === undefined) return;
      completionTokens += choice.completionTokens;
      tell({ type: "finished", choice: choice.index, ...end });
      if (++ended === request.seeds.length) complete();
    },
    fail(error) {
      if (isOver) return;
      isOver = true;
      tell({ type: "failed", error: errorToEngine(error) });
    },
    cancel() {
      isOver = true;
    },
  };
}
