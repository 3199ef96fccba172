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

/** Pings so often that silence means that the process is stuck. */
export function heartbeat({ clock, silenceMs, ping, onSilence }: HeartbeatOptions): Heartbeat {
  let heardMs = clock.now();
  const beat = () => {
    if (clock.now() - heardMs > silenceMs) return onSilence();
    ping();
    cancel = clock.after(silenceMs / 3, beat);
  };
  let cancel = clock.after(silenceMs / 3, beat);
  return {
    heard: () => (heardMs = clock.now()),
    stop: () => cancel(),
  };
}
