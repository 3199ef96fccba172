import { createHash, randomBytes } from "node:crypto";
import type { Limits } from "../../core/limits.ts";
import type { Clock } from "../../core/ports.ts";
import { fault } from "../../core/reasons.ts";
import type { EngineQuestion } from "../../engine/protocol/questions.ts";
import type { EngineRequest } from "../../engine/protocol/request.ts";

/** What an engine was given to do. */
export type Asked = EngineRequest | EngineQuestion;

/** So many crashes are no accident. */
const mostCrashes = 2;

/** What is known of a request that was there when an engine crashed. */
interface Entry {
  crashes: number;
  lastMs: number;
}

/** What a quarantine needs. */
export interface QuarantineOptions {
  readonly clock: Clock;
  readonly limits: Pick<Limits, "quarantineMs" | "quarantineEntries">;
}

/** Remembers which requests were there when engines crashed, by hash: a request that is at fault twice is refused for a while. While nothing has crashed it costs nothing. */
export class Quarantine {
  readonly #options: QuarantineOptions;
  /** Of this process alone, so that a hash tells nobody what was asked. */
  readonly #salt = randomBytes(32);
  /** The one that crashed last stands last. */
  readonly #entries = new Map<string, Entry>();

  constructor(options: QuarantineOptions) {
    this.#options = options;
  }

  /** Whether a request may be why an engine crashed. Throws `quarantined` when it is. */
  isSuspect(model: string, asked: Asked): boolean {
    const { clock, limits } = this.#options;
    this.#forgetOld();
    if (this.#entries.size === 0) return false;
    const entry = this.#entries.get(this.#hash(model, asked));
    if (entry === undefined || entry.crashes < mostCrashes) return entry !== undefined;
    const leftSeconds = Math.ceil((entry.lastMs + limits.quarantineMs - clock.now()) / 1000);
    throw fault(
      "quarantined",
      `this request has ended the process of model "${model}" ${entry.crashes} times and is refused for ${leftSeconds} s: change it, or tell the operator`,
      { metadata: { model, limit: "quarantineMs" } },
    );
  }

  /** An engine has crashed, and one of these is why. Those that are suspects already are blamed alone. Answers how many are refused from now on. */
  crashed(model: string, suspects: readonly Asked[]): number {
    this.#forgetOld();
    const hashes = new Set(suspects.map((asked) => this.#hash(model, asked)));
    const known = new Set([...hashes].filter((hash) => this.#entries.has(hash)));
    const counts = [...(known.size > 0 ? known : hashes)].map((hash) => this.#count(hash));
    while (this.#entries.size > this.#options.limits.quarantineEntries) this.#forgetOldest();
    return counts.filter((crashes) => crashes >= mostCrashes).length;
  }

  /** A request has come to its end: it is not why an engine crashed. */
  cleared(model: string, asked: Asked): void {
    if (this.#entries.size > 0) this.#entries.delete(this.#hash(model, asked));
  }

  #count(hash: string): number {
    const crashes = (this.#entries.get(hash)?.crashes ?? 0) + 1;
    this.#entries.delete(hash);
    this.#entries.set(hash, { crashes, lastMs: this.#options.clock.now() });
    return crashes;
  }

  #forgetOld(): void {
    const { clock, limits } = this.#options;
    for (const [hash, { lastMs }] of this.#entries) {
      if (clock.now() - lastMs < limits.quarantineMs) return;
      this.#entries.delete(hash);
    }
  }

  #forgetOldest(): void {
    for (const hash of this.#entries.keys()) {
      this.#entries.delete(hash);
      return;
    }
  }

  #hash(model: string, asked: Asked): string {
    const content = JSON.stringify([model, "prompt" in asked && "seeds" in asked ? withoutCaller(asked) : asked]);
    return createHash("sha256").update(this.#salt).update(content).digest("base64");
  }
}

/** What the engine computes with: not the seeds, which are mostly drawn anew, and not whose it is. */
function withoutCaller({ seeds, tenant: _tenant, priority: _priority, includeProgress: _includeProgress, ...content }: EngineRequest) {
  return { ...content, choices: seeds.length };
}
