import { existsSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { destination, levels, multistream, pino, type DestinationStream, type Logger } from "pino";
import type { Log } from "../core/ports.ts";
import { fault } from "../core/reasons.ts";

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

/** Opens the log: one JSON object a line, with an ISO time and the level's name. Lines are buffered for some milliseconds, for a write a call would cost more than the call. */
export function openLog({ level, file, stream }: LogOptions): ClosableLog {
  const fileSink = file === undefined ? undefined : sink(openFile(file));
  const sinks = [stream ?? sink(2), ...(fileSink === undefined ? [] : [fileSink])];
  const options = {
    level,
    base: null,
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { error: describeError },
  };
  const lowest = levels.values[level] === undefined ? "silent" : level;
  const logger = pino(
    options,
    sinks.length === 1 ? sinks[0]! : multistream(sinks.map((each) => ({ stream: each, level: lowest as "info" }))),
  );
  const flushAll = () => sinks.forEach(flush);
  return {
    ...logOf(logger),
    flush: flushAll,
    close() {
      flushAll();
      logger.level = "silent";
      fileSink?.destroy();
    },
  };
}

/** Lines gather while a write runs: a write a line would cost more than the call it tells of. */
function sink(fileDescriptor: number): ReturnType<typeof destination> {
  return destination({ fd: fileDescriptor, sync: false, minLength: 0 });
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

function logOf(logger: Logger): Log {
  return {
    debug: (message, facts) => logger.debug(facts, message),
    info: (message, facts) => logger.info(facts, message),
    warn: (message, facts) => logger.warn(facts, message),
    error: (message, facts) => logger.error(facts, message),
  };
}

function flush(stream: DestinationStream): void {
  if ("flushSync" in stream && typeof stream.flushSync === "function") (stream as { flushSync(): void }).flushSync();
}

/** An error with its stack and causes: the log has it whole, the wire never. */
function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { name, message, stack, cause } = error;
  return { type: name, message, stack, ...(cause !== undefined && { cause: describeError(cause) }) };
}
