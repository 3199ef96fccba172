import type { Log } from "../core/ports.ts";

/** One line that was logged. */
export interface LogLine {
  readonly level: keyof Log;
  readonly message: string;
  readonly facts: Readonly<Record<string, unknown>>;
}

/** A log that keeps its lines, oldest first. */
export function recordingLog(): { readonly log: Log; readonly lines: readonly LogLine[] } {
  const lines: LogLine[] = [];
  const at =
    (level: keyof Log): Log[keyof Log] =>
    (message, facts = {}) =>
      void lines.push({ level, message, facts });
  return { log: { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") }, lines };
}
