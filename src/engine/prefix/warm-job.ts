import { readingOn, type Choice, type ChoicePlace } from "../answering/choice.ts";
import type { Job } from "../scheduling/job.ts";
import type { Prompt } from "../prompt.ts";
import type { EngineAnswer } from "../protocol/questions.ts";

/** What a warm prompt took. */
export type Warmed = EngineAnswer<"warm">;

/** Reads a prompt so that others may start from it. Its turn comes as that of a request of class `batch`: whoever is answered now comes first. */
export class WarmJob implements Job {
  readonly id: number;
  readonly priority = "batch";
  readonly tenant: string;
  readonly prompt: Prompt;
  readonly mostCached: number;
  readonly keepsPrompt = true;
  isPaused = false;
  isAdmitted = false;
  isOver = false;
  readonly #done = Promise.withResolvers<Warmed>();
  #cachedTokens = 0;

  constructor(id: number, prompt: Prompt, tenant: string) {
    this.id = id;
    this.prompt = prompt;
    this.tenant = tenant;
    this.mostCached = prompt.tokens.length;
    this.#done.promise.catch(() => {});
  }

  /** Resolves when it is read and kept. */
  get done(): Promise<Warmed> {
    return this.#done.promise;
  }

  get hasBegun(): boolean {
    return this.isAdmitted;
  }

  begin(): (place: ChoicePlace) => Choice {
    this.isAdmitted = true;
    return (place) => readingOn(place, this.prompt);
  }

  waitsAt(): void {}

  started({ cachedTokens }: Choice): void {
    this.#cachedTokens = cachedTokens;
  }

  stepped(): void {}

  hasRead(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.#done.resolve({ promptTokens: this.prompt.tokens.length, cachedTokens: this.#cachedTokens });
  }

  fail(error: unknown): void {
    if (this.isOver) return;
    this.isOver = true;
    this.#done.reject(error);
  }

  cancel(): void {
    this.isOver = true;
    this.#done.reject(new Error("nobody wants it any more"));
  }
}
