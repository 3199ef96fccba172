import { PullPhase, type PullModelResponse } from "../../gen/parley/v1/models_pb.ts";
import { systemClock } from "../core/clock.ts";
import type { Clock } from "../core/ports.ts";
import { sizeText } from "../core/size-text.ts";
import type { Host } from "./host.ts";

/** Where and for whom a pull is shown. */
export interface PullView {
  /** The model's name, as the user knows it. */
  readonly id: string;
  /** A terminal gets one line that changes; anything else a plain line now and then. */
  readonly err: Host["err"];
  readonly clock?: Pick<Clock, "now">;
}

const plainEveryMs = 3000;
const barWidth = 24;
const defaultColumns = 80;
const clearLine = "\r\u001b[K";

/** Shows a pull to its end. Throws what the pull throws, with the terminal's line cleared. */
export async function showPull(steps: AsyncIterable<PullModelResponse>, { id, err, clock = systemClock }: PullView): Promise<void> {
  const show = err.isTTY === true ? terminalLine(id, err) : plainLines(id, err, clock);
  try {
    for await (const step of steps) show(step);
  } finally {
    if (err.isTTY === true) err.write(clearLine);
  }
  err.write(`${id}: on disk\n`);
}

function terminalLine(id: string, err: Host["err"]): (step: PullModelResponse) => void {
  return (step) => {
    const columns = err.columns ?? defaultColumns;
    // One column stays free: a full line would wrap.
    err.write(clearLine + renderPull(step, id, columns).slice(0, columns - 1));
  };
}

function plainLines(id: string, err: Host["err"], clock: Pick<Clock, "now">): (step: PullModelResponse) => void {
  let shownMs = -Infinity;
  let shownKind = "";
  return (step) => {
    const kind = `${step.phase} ${step.source}`;
    if (step.phase === PullPhase.DONE || (kind === shownKind && clock.now() - shownMs < plainEveryMs)) return;
    shownMs = clock.now();
    shownKind = kind;
    err.write(`${renderPull(step, id, 0)}\n`);
  };
}

/** One line that says how far a pull is; with a bar where there are columns for it. */
export function renderPull(step: PullModelResponse, id: string, columns: number): string {
  switch (step.phase) {
    case PullPhase.CONNECTING:
      return `${id}: asking ${step.source}`;
    case PullPhase.VERIFYING:
      return `${id}: checking what came from ${step.source}`;
    case PullPhase.DONE:
      return `${id}: on disk`;
    default:
      return [id, ...amounts(step, columns), columns === 0 ? `from ${step.source}` : ""].filter((part) => part !== "").join("  ");
  }
}

function amounts({ bytesDone, bytesTotal, bytesPerSecond }: PullModelResponse, columns: number): string[] {
  const done = Number(bytesDone);
  const rate = bytesPerSecond === undefined ? "" : `${sizeText(Number(bytesPerSecond))}/s`;
  if (bytesTotal === undefined || bytesTotal === 0n) return [sizeText(done), rate];
  const total = Number(bytesTotal);
  const fraction = Math.min(1, done / total);
  const left = bytesPerSecond === undefined || bytesPerSecond === 0n ? "" : `${timeText((total - done) / Number(bytesPerSecond))} left`;
  const share = `${Math.floor(fraction * 100)} %`.padStart(5);
  return [columns >= defaultColumns ? bar(fraction) : "", share, `${sizeText(done)} of ${sizeText(total)}`, rate, left];
}

function bar(fraction: number): string {
  const full = Math.floor(fraction * barWidth);
  return `[${"#".repeat(full)}${".".repeat(barWidth - full)}]`;
}

function timeText(seconds: number): string {
  const whole = Math.ceil(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const tail = String(whole % 60).padStart(2, "0");
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, "0")}:${tail}` : `${minutes}:${tail}`;
}
