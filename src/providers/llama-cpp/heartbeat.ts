import type { Clock } from "../../core/ports.ts";

/** Watches whether a process still answers. */
export interface Heartbeat {
  /** The process has said something. */
  heard(): void;
  stop(): void;
}

/** What a heartbeat needs. */
export interface HeartbeatOptions {
  readonly clock: Clock;
  readonly silenceMs: number;
  readonly ping: () => void;
  /** Called once: it has said nothing for longer than `silenceMs`. */
  readonly onSilence: () => void;
}

/** So many pings in a row may go unanswered. */
const mostUnanswered = 3;

/** Pings so often that silence means that the process is stuck. Pings are counted, not time: after a standstill of our own, timers run before the answers that lie there are read, and one late beat must not kill what is well. */
export function heartbeat({ clock, silenceMs, ping, onSilence }: HeartbeatOptions): Heartbeat {
  const intervalMs = silenceMs / mostUnanswered;
  let unanswered = 0;
  const beat = () => {
    if (unanswered === mostUnanswered) return onSilence();
    unanswered++;
    ping();
    cancel = clock.after(intervalMs, beat);
  };
  let cancel = clock.after(intervalMs, beat);
  return {
    heard: () => (unanswered = 0),
    stop: () => cancel(),
  };
}
