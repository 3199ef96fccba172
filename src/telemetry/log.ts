import { existsSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { destination, levels, type DestinationStream } from "pino";
import type { Log } from "../core/ports.ts";
import { fault } from "../core/reasons.ts";
import { logLine } from "./log-line.ts";

/** What is logged where. */
export interface LogOptions {
  /** `trace`, `debug`, `info`, `warn`, `error` or `silent`. */
  readonly level: string;
  /** Also written to this file. */
  readonly file?: string | undefined;
  /** Where lines go beside the file. Default: standard error. */
  readonly stream?: DestinationStream;
}

/** A log that can be emptied before the process ends. */
export interface ClosableLog extends Log {
  /** Writes out what is buffered. */
  flush(): void;
  /** Writes out what is buffered and closes the file; what is logged later is lost. */
  close(): void;
}

/** Opens the log: one JSON object a line, with an ISO time and the level's name. Lines are gathered for some milliseconds, for a write a call would cost more than the call. */
export function openLog({ level, file, stream }: LogOptions): ClosableLog {
  const fileSink = file === undefined ? undefined : gathered(openFile(file));
  const sinks: readonly Sink[] = [stream ?? gathered(2), ...(fileSink === undefined ? [] : [fileSink])];
  const lowest = levels.values[level] ?? Number.POSITIVE_INFINITY;
  let isOpen = true;
  const flushAll = () => sinks.forEach((sink) => sink.flush?.());
  const writer = (name: Level) => {
    const isWanted = (levels.values[name] ?? 0) >= lowest;
    return (message: string, facts?: Readonly<Record<string, unknown>>) => {
      if (!isWanted || !isOpen) return;
      const line = logLine(name, message, facts);
      for (const sink of sinks) sink.write(line);
    };
  };
  return {
    debug: writer("debug"),
    info: writer("info"),
    warn: writer("warn"),
    error: writer("error"),
    flush: flushAll,
    close() {
      flushAll();
      isOpen = false;
      fileSink?.destroy();
    },
  };
}

type Level = "debug" | "info" | "warn" | "error";

/** Where lines go. */
interface Sink extends DestinationStream {
  /** Writes out what is gathered. */
  flush?(): void;
}

/** How long lines are gathered, ms: each write wakes another thread, which costs as much as tens of lines. */
const gatherMs = 40;

/** How much is gathered at most, characters. */
const mostGathered = 64 * 1024;

/** Lines on their way to a file descriptor. */
function gathered(fileDescriptor: number): Required<Sink> & { destroy(): void } {
  const out = destination({ fd: fileDescriptor, sync: false, minLength: 0 });
  let lines: string[] = [];
  let length = 0;
  let timer: NodeJS.Timeout | undefined;
  const hand = () => {
    clearTimeout(timer);
    timer = undefined;
    if (lines.length > 0) out.write(lines.join(""));
    [lines, length] = [[], 0];
  };
  return {
    write(line) {
      lines.push(line);
      length += line.length;
      if (length >= mostGathered) hand();
      else timer ??= setTimeout(hand, gatherMs);
    },
    flush() {
      hand();
      out.flushSync();
    },
    destroy: () => out.destroy(),
  };
}

/** Opened here and now, so that a file that cannot be written is refused at start. */
function openFile(file: string): number {
  try {
    makeFolder(dirname(file));
    return openSync(file, "a");
  } catch (error) {
    throw fault("invalid_request", `telemetry.logFile: ${file} cannot be written; choose another file or make its folder writable`, {
      cause: error,
    });
  }
}

/** By hand: Node's own `recursive` never returns where the system says that a parent is missing which is there, as it does below /proc. */
function makeFolder(folder: string): void {
  if (existsSync(folder)) return;
  if (dirname(folder) !== folder) makeFolder(dirname(folder));
  mkdirSync(folder);
}

/** A log that keeps nothing. */
export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };
