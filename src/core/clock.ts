import type { Clock } from "./ports.ts";
import { timers } from "./timers.ts";

/** Asked once: it never changes, and asking costs as much as the time itself. */
const { timeOrigin } = performance;

const now = () => timeOrigin + performance.now();

/** The machine's clock: as fine as `performance.now`, and never turned back while the process lives. */
export const systemClock: Clock = { now, after: timers(now) };
