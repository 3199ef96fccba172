import { PullPhase, type PullModelResponse } from "../../gen/parley/v1/models_pb.ts";
import { fault } from "../core/reasons.ts";
import { throwIfAborted } from "../core/signals.ts";
import { download, type Download, type Expected, type Pull } from "./download.ts";
import { readModelHeader } from "./model-header.ts";
import { PartFile, partPath, readPartState, type PartState } from "./part-file.ts";
import { pullProgress } from "./pull-progress.ts";
import { rateMeter } from "./rate-meter.ts";
import { SourceFailure, sourceFailure, type Source } from "./source.ts";

type Pulling = AsyncGenerator<PullModelResponse, string, undefined>;

/** Brings a file from the first source that gives it whole, checks it, moves it in place and answers with its hash. Throws `pull_failed` naming each source tried, `data_corrupt` when one gave wrong bytes and no other the right ones. */
export async function* pullFile(pull: Pull, signal: AbortSignal): Pulling {
  const failures: { readonly source: Source; readonly failure: SourceFailure }[] = [];
  for (const source of pull.sources) {
    try {
      return yield* pullFrom(source, pull, signal);
    } catch (error) {
      throwIfAborted(signal);
      if (!(error instanceof SourceFailure)) throw error;
      pull.log.warn("a model source failed", { model: pull.target.id, source: source.label, error });
      failures.push({ source, failure: error });
    } finally {
      await source.dispose?.();
    }
  }
  const isCorrupt = failures.some(({ failure }) => failure.isCorrupt);
  const tried = failures.map(({ source, failure }) => `${source.label} ${failure.message}`).join("; ");
  throw fault(isCorrupt ? "data_corrupt" : "pull_failed", `no source gives ${pull.target.id}: ${tried || "none is known"}`);
}

async function* pullFrom(source: Source, pull: Pull, signal: AbortSignal): Pulling {
  yield pullProgress({ model: pull.target.id, source: source.label, phase: PullPhase.CONNECTING });
  if (source.prepare !== undefined) yield* prepare(source, pull, signal);
  for (let from = await bytesLeft(pull); ; from = undefined) {
    // Many gigabytes may have to be read again for their hash.
    if (from !== undefined) yield pullProgress({ model: pull.target.id, source: from.source, phase: PullPhase.VERIFYING });
    const part = await (from === undefined ? PartFile.empty(pull.path) : PartFile.kept(pull.path, signal));
    const hadBytes = part.doneBytes > 0;
    try {
      return yield* fill(part, { pull, source, left: from }, signal);
    } catch (error) {
      // Bytes that an earlier pull left may be at fault rather than this source: once more without them.
      if (!(hadBytes && part.isDiscarded)) throw error;
    } finally {
      await part.close();
    }
  }
}

/** What an earlier pull left of the same bytes. */
async function bytesLeft({ path, target }: Pull): Promise<PartState | undefined> {
  const state = await readPartState(path);
  return state?.sha256 === (target.sha256 ?? state?.sha256) ? state : undefined;
}

async function* prepare(source: Source, { target, clock }: Pull, signal: AbortSignal): AsyncGenerator<PullModelResponse, void, undefined> {
  const meter = rateMeter();
  try {
    for await (const { doneBytes, totalBytes } of source.prepare?.(signal) ?? []) {
      meter.note(clock.now(), doneBytes);
      const amounts = { doneBytes, totalBytes, bytesPerSecond: meter.rate() };
      yield pullProgress({ model: target.id, source: source.label, phase: PullPhase.DOWNLOADING, ...amounts });
    }
  } catch (error) {
    throw sourceFailure(error);
  }
}

/** Brings the rest of a file and finishes it. An interruption keeps the bytes. */
async function* fill(part: PartFile, from: Download, signal: AbortSignal): Pulling {
  // An earlier pull may have been stopped between its last byte and its end.
  const isComplete = part.doneBytes > 0 && part.digest() === from.left?.sha256;
  const expected = isComplete ? { sha256: from.left.sha256, sizeBytes: undefined } : yield* download(part, from, signal);
  return yield* finish(part, expected, from);
}

/** Checks a complete file and moves it in place; deletes it when it is not what it must be. */
async function* finish(part: PartFile, expected: Expected, { pull, source }: Pick<Download, "pull" | "source">): Pulling {
  const { doneBytes } = part;
  const label = expected.sha256 === undefined ? `${source.label}, which tells no sha256 to compare with` : source.label;
  yield pullProgress({ model: pull.target.id, source: label, phase: PullPhase.VERIFYING, doneBytes, totalBytes: doneBytes });
  const sha256 = part.digest();
  const problem = await problemOf(pull, expected, sha256);
  if (problem !== "") {
    await part.discard();
    throw new SourceFailure(problem, { isCorrupt: true });
  }
  await part.finish();
  return sha256;
}

async function problemOf({ path }: Pull, expected: Expected, sha256: string): Promise<string> {
  if (sha256 !== (expected.sha256 ?? sha256)) return `gave wrong bytes: their sha256 is ${sha256}, not ${expected.sha256}`;
  const { problem } = await readModelHeader(partPath(path));
  return problem === "" ? "" : `gave a file that is no model: ${problem}`;
}
