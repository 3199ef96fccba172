import type { LlamaContextSequence } from "node-llama-cpp";
import { fault } from "../core/reasons.ts";
import { limitFault } from "../core/limits.ts";
import { choiceOn, type Choice } from "./choice.ts";
import { fairQueue } from "./fair-queue.ts";
import { job, type Job } from "./job.ts";
import type { LoadedModel } from "./model.ts";
import type { Outbox } from "./outbox.ts";
import { promptText, type Prompt } from "./prompt.ts";
import { errorToEngine, type EngineLoad, type EnginePrompt, type EngineRequest } from "./protocol.ts";
import { checkBias } from "./sampling.ts";
import { waitEstimate } from "./wait-estimate.ts";

/** Runs all requests of a model. */
export interface Scheduler {
  submit(id: number, request: EngineRequest): void;
  cancel(id: number): void;
  pause(id: number): void;
  resume(id: number): void;
  /** Tokens of a prompt. Throws what `submit` would tell. */
  count(prompt: EnginePrompt): number;
  /** Ends the loop after the tick that runs. */
  close(): Promise<void>;
}

/** The place of one sequence. Places are taken lowest id first, so that the ids in a batch have no holes. */
interface Slot {
  readonly sequence: LlamaContextSequence;
  taken: { readonly job: Job; readonly choice: Choice; isEnded: boolean } | undefined;
}

type Limits = Pick<EngineLoad, "queueLength" | "queueMs" | "prefillChunkTokens">;

/** The lock-step loop: each tick evaluates one token of every sequence that generates and one chunk of prompt, and awaits them together. Batches are then full and in order. */
export function scheduler(loaded: LoadedModel, out: Outbox, limits: Limits): Scheduler {
  const slots: readonly Slot[] = loaded.sequences.map((sequence) => ({ sequence, taken: undefined }));
  const queue = fairQueue<Job>();
  const jobs = new Map<number, Job>();
  const timers = new Map<Job, NodeJS.Timeout>();
  const estimate = waitEstimate(slots.length);
  let wake = () => {};
  let isClosed = false;

  const flush = () => out.flush(loaded.batches.take(), waiting().length);
  const waiting = () => queue.inOrder().filter(({ isAdmitted }) => !isAdmitted);

  const leaveQueue = (leaving: Job) => {
    clearTimeout(timers.get(leaving));
    timers.delete(leaving);
  };

  const drop = (over: Job) => {
    leaveQueue(over);
    queue.remove(over);
    jobs.delete(over.id);
    wake();
  };

  const enqueue = (id: number, request: EngineRequest) => {
    const depth = waiting().length;
    const free = slots.filter(({ taken }) => taken === undefined).length;
    if (depth + 1 - free > limits.queueLength)
      throw limitFault("engineQueue", `${depth} calls wait for this model already: try again later`, {
        retryAfterMs: estimate.waitMs(depth),
      });
    checkBias(request.sampling, loaded.model, loaded.vocabularySize);
    const prompt = fitting(loaded, request.prompt);
    const echo = request.echo ? promptText(loaded.model, request.prompt) : "";
    const entry = job({ id, request, prompt, echo, tell: (event) => out.add(id, event) });
    jobs.set(id, entry);
    queue.push(entry);
    const onTimeout = () => {
      const retryAfterMs = estimate.waitMs(waiting().length);
      entry.fail(limitFault("engineQueueMs", `no sequence became free within ${limits.queueMs} ms: try again later`, { retryAfterMs }));
      drop(entry);
      flush();
    };
    timers.set(entry, setTimeout(onTimeout, limits.queueMs));
    wake();
  };

  /** Frees the sequences of choices that have ended or are not wanted any more. */
  const release = async () => {
    for (const slot of slots) {
      if (slot.taken === undefined || !(slot.taken.isEnded || slot.taken.job.isOver)) continue;
      const { job: done, choice } = slot.taken;
      await choice.close();
      slot.taken = undefined;
      estimate.served();
      if (done.isOver) drop(done);
    }
  };

  const admit = () => {
    for (const slot of slots) {
      if (slot.taken !== undefined) continue;
      const next = queue.shift();
      if (next === undefined) break;
      leaveQueue(next);
      slot.taken = { job: next, choice: choiceOn(slot.sequence, loaded, next.begin()), isEnded: false };
      // Its other choices wait behind everybody else's.
      if (!next.hasBegun) queue.push(next);
    }
    for (const [index, entry] of waiting().entries()) entry.waitsAt(index + 1);
  };

  const tick = async (turns: readonly Turn[]) => {
    const generating = turns.filter(({ taken }) => taken.choice.isGenerating).length;
    loaded.batches.expect(
      turns.map(({ taken, promptTokens }) => taken.choice.upcoming(promptTokens)),
      generating,
    );
    const steps = turns.map(async ({ taken, promptTokens }) => {
      try {
        const step = await taken.choice.step(promptTokens);
        if (taken.job.isOver) return;
        taken.isEnded = step.end !== undefined;
        taken.job.stepped(taken.choice, step);
      } catch (error) {
        taken.job.fail(error);
      }
    });
    await Promise.all(steps);
  };

  const run = async () => {
    for (;;) {
      if (isClosed) return;
      await release();
      admit();
      flush();
      const turns = takeTurns(slots, limits.prefillChunkTokens);
      if (turns.length > 0) await tick(turns);
      else await new Promise<void>((resolve) => (wake = resolve));
    }
  };
  const ended = run();

  const change = (id: number, how: (entry: Job) => void) => {
    const entry = jobs.get(id);
    if (entry === undefined) return;
    how(entry);
    wake();
  };

  return {
    submit(id, request) {
      try {
        enqueue(id, request);
      } catch (error) {
        out.add(id, { type: "failed", error: errorToEngine(error) });
        flush();
      }
    },
    cancel(id) {
      change(id, (entry) => {
        entry.cancel();
        drop(entry);
      });
    },
    pause: (id) => change(id, (entry) => (entry.isPaused = true)),
    resume: (id) => change(id, (entry) => (entry.isPaused = false)),
    count: (prompt) => fitting(loaded, prompt).tokens.length,
    async close() {
      isClosed = true;
      for (const timer of timers.values()) clearTimeout(timer);
      wake();
      await ended;
    },
  };
}

interface Turn {
  readonly taken: NonNullable<Slot["taken"]>;
  /** How much of its prompt it may read. */
  readonly promptTokens: number;
}

/** Everybody who generates, and who reads a prompt as far as the tick's chunk goes; in the order of sequence ids. */
function takeTurns(slots: readonly Slot[], chunk: number): Turn[] {
  const turns: Turn[] = [];
  let left = chunk;
  for (const { taken } of slots) {
    if (taken === undefined || taken.job.isPaused) continue;
    const promptTokens = taken.choice.isGenerating ? 0 : Math.min(left, taken.choice.promptTokensLeft);
    if (!taken.choice.isGenerating && promptTokens === 0) continue;
    left -= promptTokens;
    turns.push({ taken, promptTokens });
  }
  return turns;
}

/** A prompt that leaves room for at least one token. */
function fitting({ makePrompt, contextLength }: LoadedModel, asked: EnginePrompt): Prompt {
  const prompt = makePrompt(asked);
  const promptTokens = prompt.tokens.length;
  if (promptTokens < contextLength) return prompt;
  throw fault(
    "context_length_exceeded",
    `the prompt has ${promptTokens} tokens, and the model's context has room for ${contextLength} with at least one of the answer: shorten it`,
    { metadata: { prompt_tokens: String(promptTokens), context_length: String(contextLength) } },
  );
}
