import type { ConnectError } from "@connectrpc/connect";
import type { Limits } from "../../core/limits.ts";
import type { Clock } from "../../core/ports.ts";
import type { Asked, Quarantine } from "./quarantine.ts";
import { SuspectGate, type Passage } from "./suspect-gate.ts";

/** What suspects are found with. */
export interface SuspectsOptions {
  readonly model: string;
  readonly clock: Clock;
  readonly limits: Limits;
  readonly quarantine: Quarantine;
}

/** A request that an engine works for. */
interface Entered {
  readonly asked: Asked;
  readonly passage: Passage;
  isAdmitted: boolean;
}

/** So many that were taken back are remembered at most. */
const mostGone = 64;

/** Knows what one engine is doing for whom, so that its crash is blamed on few. */
export class Suspects {
  readonly #options: SuspectsOptions;
  readonly #gate: SuspectGate;
  readonly #entered = new Map<number, Entered>();
  /** What the engine does at one go: nothing else can be why it crashes or hangs. */
  #handled: number | undefined;
  #reading: ReadonlySet<number> = new Set();
  /** Those that were taken back while they were being admitted. */
  readonly #gone = new Map<number, "since a ping" | "before a ping">();

  constructor(options: SuspectsOptions) {
    this.#options = options;
    this.#gate = new SuspectGate(options);
  }

  /** Lets a request in; undefined when that is now, else a promise. Throws `quarantined`. */
  enter(id: number, asked: Asked, signal: AbortSignal): Promise<void> | undefined {
    const { quarantine, model } = this.#options;
    const isSuspect = quarantine.isSuspect(model, asked);
    const note = (passage: Passage) => void this.#entered.set(id, { asked, passage, isAdmitted: false });
    const passage = this.#gate.tryEnter(isSuspect);
    if (passage === undefined) return this.#gate.enter(isSuspect, signal).then(note);
    note(passage);
    return undefined;
  }

  /** The engine begins to work for one request alone; undefined: it has done so. */
  handles(id: number | undefined): void {
    this.#handled = id;
  }

  /** The engine reads the prompts of these from now on. */
  reads(ids: readonly number[]): void {
    const now = new Set(ids);
    for (const id of this.#reading) if (!now.has(id)) this.admitted(id);
    this.#reading = now;
  }

  /** Its prompt has been read. */
  admitted(id: number): void {
    const entered = this.#entered.get(id);
    if (entered === undefined || entered.isAdmitted) return;
    entered.isAdmitted = true;
    entered.passage.admitted();
  }

  /** The engine has answered it to its end: it is no suspect any more. */
  ended(id: number): void {
    const entered = this.#remove(id);
    if (entered !== undefined) this.#options.quarantine.cleared(this.#options.model, entered.asked);
  }

  /** It was let in, and the engine has never heard of it. */
  turnedBack(id: number): void {
    this.#remove(id);
  }

  /** Nobody waits for its answer any more. The engine may be at work for it yet: it stays a suspect while that is not known. */
  leave(id: number): void {
    const entered = this.#entered.get(id);
    if (entered === undefined) return;
    if (entered.isAdmitted || this.#gone.size >= mostGone) return void this.#remove(id);
    this.#gone.set(id, "since a ping");
    entered.passage.over();
  }

  /** The engine has answered a ping: what was taken back before that ping was sent is over. */
  forgetGone(): void {
    for (const [id, since] of this.#gone) {
      if (since === "before a ping") this.#remove(id);
      else this.#gone.set(id, "before a ping");
    }
  }

  /** The engine has crashed. Answers how many requests are refused from now on. */
  crashed(): number {
    const { quarantine, model } = this.#options;
    const blamed = this.#blamed().map(({ asked }) => asked);
    return blamed.length === 0 ? 0 : quarantine.crashed(model, blamed);
  }

  /** Nobody is let in any more. */
  close(error: ConnectError): void {
    this.#entered.clear();
    this.#gone.clear();
    this.#gate.close(error);
  }

  #remove(id: number): Entered | undefined {
    const entered = this.#entered.get(id);
    this.#entered.delete(id);
    this.#gone.delete(id);
    entered?.passage.over();
    return entered;
  }

  /** The fewest that can be why, as far as one can know. */
  #blamed(): readonly Entered[] {
    const handled = this.#handled === undefined ? undefined : this.#entered.get(this.#handled);
    if (handled !== undefined) return [handled];
    const all = [...this.#entered];
    const reading = all.filter(([id, { asked }]) => this.#reading.has(id) || "type" in asked).map(([, entered]) => entered);
    if (reading.length > 0) return reading;
    const running = all.filter(([, { isAdmitted }]) => isAdmitted).map(([, entered]) => entered);
    const bound = running.filter(({ asked }) => isBound(asked));
    return bound.length > 0 ? bound : running;
  }
}

/** Whether a grammar may be at work: more can go wrong with one. */
function isBound(asked: Asked): boolean {
  if (!("format" in asked)) return false;
  const { format, prompt } = asked;
  return format.type !== "text" || (prompt.type === "messages" && prompt.toolChoice.mode === "required");
}
