import { constants } from "node:os";

/** How the process is told to stop. */
export interface StopSignals {
  /** Aborted by the first signal: end in order. */
  readonly first: AbortSignal;
  /** Settles at the second: end at once. */
  readonly second: Promise<NodeJS.Signals>;
  /** Stops listening. */
  release(): void;
}

/** npm passes Ctrl-C on to a child that the terminal has already told: a second SIGINT this soon is the same one. */
const echoMs = 300;

/** Listens for SIGTERM and SIGINT. */
export function stopSignals(): StopSignals {
  const first = new AbortController();
  const { promise: second, resolve } = Promise.withResolvers<NodeJS.Signals>();
  let firstAt = 0;
  const onSignal = (signal: NodeJS.Signals) => {
    const isEcho = signal === "SIGINT" && performance.now() - firstAt < echoMs;
    if (first.signal.aborted) {
      if (!isEcho) resolve(signal);
      return;
    }
    firstAt = performance.now();
    first.abort(signal);
  };
  const names = ["SIGTERM", "SIGINT"] as const;
  for (const name of names) process.on(name, onSignal);
  return { first: first.signal, second, release: () => names.forEach((name) => process.off(name, onSignal)) };
}

/** The exit code that shells give a process that a signal ended. */
export function exitCodeOf(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal];
}
