import { statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { PullPhase, type PullModelResponse } from "../../gen/parley/v1/models_pb.ts";
import { limitFault, type Limits } from "../core/limits.ts";
import type { Clock, Log } from "../core/ports.ts";
import { fault } from "../core/reasons.ts";
import { throwIfAborted } from "../core/signals.ts";
import type { PartFile, PartState } from "./part-file.ts";
import { pullProgress } from "./pull-progress.ts";
import { rateMeter } from "./rate-meter.ts";
import { SourceFailure, sourceFailure, type OpenedSource, type Source, type SourceRange } from "./source.ts";
import type { PullTarget } from "./sources.ts";

/** A file to bring, and where it may be had. */
export interface Pull {
  readonly target: PullTarget;
  /** Tried in order. */
  readonly sources: readonly Source[];
  /** Where the file goes. */
  readonly path: string;
  readonly limits: Limits;
  readonly clock: Clock;
  readonly log: Log;
}

/** One source that fills a file. */
export interface Download {
  readonly pull: Pull;
  readonly source: Source;
  /** What is known of the bytes that an earlier pull left. */
  readonly left: PartState | undefined;
}

/** What the whole file must be. */
export interface Expected {
  readonly sizeBytes: number | undefined;
  /** Undefined only where the source is trusted and nobody says a hash. */
  readonly sha256: string | undefined;
}

/** How often a source that breaks off is asked to go on, as long as each time gets it further. */
const maxBreaks = 5;
const progressMs = 200;

/** Brings what a file still lacks. Answers with what the whole must be; it is not checked yet. Throws SourceFailure, or what the disk throws. */
export async function* download(
  part: PartFile,
  { pull, source, left }: Download,
  signal: AbortSignal,
): AsyncGenerator<PullModelResponse, Expected, undefined> {
  let known = { sha256: left?.sha256, validator: left?.source === source.label ? left.validator : undefined };
  let furthest = part.doneBytes;
  for (let breaks = 0; ; breaks++) {
    // Without a hash to check the whole, only bytes that the source itself can name are gone on with.
    const offset = known.sha256 === undefined && known.validator === undefined ? 0 : part.doneBytes;
    const opened = await open(part, { source, range: { offset, validator: known.validator } }, signal);
    try {
      const expected = expectedOf(opened, { pull, source });
      await prepare(part, opened, { pull, source, expected });
      known = { sha256: expected.sha256, validator: opened.validator };
      const broke = yield* copy(part, opened, { pull, source, expected });
      throwIfAborted(signal);
      if (broke === undefined) return expected;
      if (part.doneBytes <= furthest || breaks === maxBreaks) throw broke;
      furthest = part.doneBytes;
      pull.log.debug("a model source broke off and is asked to go on", { source: source.label, doneBytes: part.doneBytes, error: broke });
    } finally {
      await opened.close();
    }
  }
}

interface Opening {
  readonly source: Source;
  readonly range: SourceRange;
}

async function open(part: PartFile, { source, range }: Opening, signal: AbortSignal): Promise<OpenedSource> {
  try {
    return await source.open(range, signal);
  } catch (error) {
    throwIfAborted(signal);
    const failure = sourceFailure(error);
    if (failure.isCorrupt) await part.discard();
    throw failure;
  }
}

/** Compares what the source offers with what is wanted, before a byte of it is read. */
function expectedOf(opened: OpenedSource, { pull, source }: Pick<Download, "pull" | "source">): Expected {
  const { target, limits } = pull;
  const problem = offerProblem(opened, target);
  if (problem !== "") throw new SourceFailure(`has other bytes: ${problem}`, { isCorrupt: true });
  const expected = { sizeBytes: target.sizeBytes ?? opened.totalBytes, sha256: target.sha256 ?? opened.sha256 };
  if (expected.sha256 === undefined && !source.isTrusted) throw new SourceFailure("tells no sha256, and the catalog knows none");
  checkLimit(expected.sizeBytes ?? 0, target.id, limits);
  return expected;
}

function offerProblem({ totalBytes, sha256 }: OpenedSource, target: PullTarget): string {
  if ((target.sha256 ?? sha256) !== (sha256 ?? target.sha256)) return `their sha256 is ${sha256}, not ${target.sha256}`;
  if ((target.sizeBytes ?? totalBytes) !== (totalBytes ?? target.sizeBytes)) return `${totalBytes} instead of ${target.sizeBytes}`;
  return "";
}

interface Copying extends Pick<Download, "pull" | "source"> {
  readonly expected: Expected;
}

async function prepare(part: PartFile, opened: OpenedSource, { pull, source, expected }: Copying): Promise<void> {
  if (opened.offset !== part.doneBytes) await part.restart();
  if (expected.sha256 !== undefined) await part.describe({ source: source.label, validator: opened.validator, sha256: expected.sha256 });
  if (expected.sizeBytes === undefined) return;
  const { bavail, bsize, blocks } = await statfs(dirname(pull.path));
  const neededBytes = expected.sizeBytes - part.doneBytes;
  // Some network disks do not count their blocks.
  if (blocks > 0 && bavail * bsize < neededBytes)
    throw fault(
      "pull_failed",
      `${pull.target.id} needs ${neededBytes} bytes more, and the model folder's disk has ${bavail * bsize}: free some`,
    );
}

/** Answers with why the source broke off; undefined when the file is complete. */
async function* copy(
  part: PartFile,
  opened: OpenedSource,
  { pull, source, expected }: Copying,
): AsyncGenerator<PullModelResponse, SourceFailure | undefined, undefined> {
  const { clock, limits, target } = pull;
  // What was prepared is here already: a second bar would look like a second download.
  const phase = source.prepare === undefined ? PullPhase.DOWNLOADING : PullPhase.VERIFYING;
  const meter = rateMeter();
  const state = () => {
    meter.note(clock.now(), part.doneBytes);
    const amounts = { doneBytes: part.doneBytes, totalBytes: expected.sizeBytes, bytesPerSecond: meter.rate() };
    return pullProgress({ model: target.id, source: source.label, phase, ...amounts });
  };
  let shownMs = clock.now();
  yield state();
  const bytes = opened.bytes[Symbol.asyncIterator]();
  while (true) {
    const next = await bytes.next().catch((error: unknown) => sourceFailure(error));
    if (next instanceof SourceFailure) return next;
    if (next.done === true) break;
    checkLimit(part.doneBytes + next.value.length, target.id, limits);
    if (part.doneBytes + next.value.length > (expected.sizeBytes ?? Infinity)) {
      await part.discard();
      throw new SourceFailure(`sends more than the ${expected.sizeBytes} bytes it should have`, { isCorrupt: true });
    }
    await part.append(next.value);
    if (clock.now() - shownMs < progressMs) continue;
    shownMs = clock.now();
    yield state();
  }
  const isWhole = part.doneBytes === (expected.sizeBytes ?? part.doneBytes);
  return isWhole ? undefined : new SourceFailure(`broke off after ${part.doneBytes} of ${expected.sizeBytes} bytes`);
}

function checkLimit(sizeBytes: number, model: string, { maxModelBytes }: Limits): void {
  if (sizeBytes > maxModelBytes)
    throw limitFault("maxModelBytes", `${model} has ${sizeBytes} bytes or more; limits.maxModelBytes allows ${maxModelBytes}`);
}
