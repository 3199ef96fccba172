import { setTimeout as sleep } from "node:timers/promises";

/** What has come back so far. */
export interface Tally {
  /** Answers that have ended. */
  answers: number;
  /** Bytes of their bodies. */
  bytes: number;
}

/** Requests that are running. */
export interface Load {
  /** Throws when anything failed since it began. */
  tally(): Tally;
  stop(): void;
}

/** What was measured while a load ran. */
export interface Measured {
  readonly answersPerSecond: number;
  readonly bytesPerAnswer: number;
  /** CPU time of the server, microseconds; 0 where it was not asked for. */
  readonly cpuUsPerAnswer: number;
}

/** Measures while a load runs: the first part of the time, in which connections open and code warms up, is not counted. */
export async function measure(start: () => Promise<Load>, seconds: number, cpuUs: () => number = () => 0): Promise<Measured> {
  const load = await start();
  try {
    await sleep(200);
    const before = load.tally();
    const [beganMs, cpuBefore] = [performance.now(), cpuUs()];
    await sleep(seconds * 1000);
    const after = load.tally();
    const [tookMs, cpu] = [performance.now() - beganMs, cpuUs() - cpuBefore];
    const answers = after.answers - before.answers;
    return {
      answersPerSecond: (answers / tookMs) * 1000,
      bytesPerAnswer: (after.bytes - before.bytes) / answers,
      cpuUsPerAnswer: cpu / answers,
    };
  } finally {
    load.stop();
  }
}

/** Runs a load until so many answers have come. */
export async function exhaust(start: () => Promise<Load>, answers: number): Promise<void> {
  const load = await start();
  try {
    while (load.tally().answers < answers) await sleep(20);
  } finally {
    load.stop();
  }
}
