/** How a tick went. */
export interface TickMeasure {
  readonly ms: number;
  readonly promptTokens: number;
  /** Sequences that drew a token. */
  readonly generating: number;
}

/** Who takes part in a tick. */
export interface TickPlan {
  /** Sequences that draw a token. */
  readonly generating: number;
  /** Sequences that read their prompt. */
  readonly reading: number;
  /** Tokens that they have to read in all. Default: more than a tick can. */
  readonly left?: number;
  /** Of its time so much is gone already. */
  readonly spentMs?: number;
}

/** Decides how much of prompts a tick reads. */
export interface PrefillBudget {
  /** Prompt tokens for the coming tick. */
  tokens(tick: TickPlan): number;
  /** How long so many take to read while nobody generates, ms; 0 while nothing is known of the machine. */
  readMs(tokens: number): number;
  measured(tick: TickMeasure): void;
  /** How long a tick takes that reads nothing, ms; 0 while nothing is known of the machine. */
  readonly stepMs: number;
}

/** What a budget is held to. */
export interface PrefillTarget {
  /** Running streams get a token so often. */
  readonly interTokenMs: number;
  readonly mostTokens: number;
  /** Of one decode, together with a token of each stream. */
  readonly batchTokens: number;
}

/** Prompts go on, however slow the machine is; while nobody generates in larger pieces, since each decode costs something by itself. */
const leastTokens = { beside: 8, alone: 32 } as const;
/** While nothing is known of the machine. */
const firstTokens = 64;
const firstTokensBesideStreams = 16;
/** Of the time between two tokens; the rest is for what varies. */
const shareOfTarget = 0.8;
/**
 * Nobody waits for a token, but somebody may arrive or leave: a chunk takes so many times the time between two tokens, more where several share it, since short pieces of many prompts are slow to read,
 * and so many steps where a step takes longer than that: most of a step is there however little is read.
 */
const aloneFactor = { least: 2, most: 6, steps: 3 } as const;
/** A chunk is at most so many times the last one, and a small rest: larger ones are faster a token, smaller ones slower than was measured. A read that is shorter than the last one by as much says nothing of its speed. */
const growth = 2;
/** A rest that is so much of a chunk is read with it: by itself it would take longer. */
const smallRest = 0.25;
const weight = 0.3;

/** Speed of prompts in one of two cases. */
interface Speed {
  msPerToken: number | undefined;
  lastTokens: number;
}

/** A budget that follows the time that ticks take. What a token of a prompt costs is measured where it is used, for it depends on the chunk's length and on the prompt's. */
export function prefillBudget({ interTokenMs, mostTokens, batchTokens }: PrefillTarget): PrefillBudget {
  const alone: Speed = { msPerToken: undefined, lastTokens: firstTokens / growth };
  const beside: Speed = { msPerToken: undefined, lastTokens: firstTokensBesideStreams / growth };
  let stepMs = 0;
  /** What the tick that runs may read, of what there is. */
  let given = { tokens: 0, left: Infinity };
  const fit = ({ msPerToken, lastTokens }: Speed, ms: number, least: number) => {
    const wanted = msPerToken === undefined ? Infinity : ms / msPerToken;
    return Math.round(Math.max(least, Math.min(wanted, lastTokens * growth)));
  };
  const chunkFor = ({ generating, reading, left = Infinity, spentMs = 0 }: TickPlan) => {
    if (generating > 0) return Math.min(mostTokens, fit(beside, interTokenMs * shareOfTarget - stepMs - spentMs, leastTokens.beside));
    const ms = Math.max(interTokenMs * Math.min(aloneFactor.most, aloneFactor.least + reading - 1), stepMs * aloneFactor.steps);
    // A power of two: how a prompt is cut moves its probabilities a little, and the same request is to get the same answer though the machine is not always as fast.
    const chunk = 2 ** Math.floor(Math.log2(fit(alone, ms - stepMs, leastTokens.alone)));
    return Math.min(mostTokens, left <= chunk * (1 + smallRest) ? left : chunk);
  };
  return {
    tokens(tick) {
      given = { tokens: Math.min(Math.max(1, batchTokens - tick.generating), chunkFor(tick)), left: tick.left ?? Infinity };
      return given.tokens;
    },
    get stepMs() {
      return stepMs;
    },
    readMs: (tokens) => (alone.msPerToken === undefined ? 0 : stepMs + tokens * alone.msPerToken),
    measured({ ms, promptTokens, generating }) {
      if (promptTokens === 0) {
        stepMs = stepMs === 0 ? ms : mixed(stepMs, ms);
        return;
      }
      const speed = generating === 0 ? alone : beside;
      // All that there was to read is as short as that is, and mostly made of what any decode takes.
      const isToEnd = given.tokens >= given.left;
      if (isToEnd && promptTokens < speed.lastTokens / growth) return;
      const now = Math.max(0, ms - stepMs) / promptTokens;
      speed.msPerToken = speed.msPerToken === undefined ? now : mixed(speed.msPerToken, now);
      speed.lastTokens = isToEnd ? Math.max(speed.lastTokens, promptTokens) : promptTokens;
    },
  };
}

function mixed(before: number, now: number): number {
  return before + weight * (now - before);
}
