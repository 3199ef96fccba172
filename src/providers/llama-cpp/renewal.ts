import type { Engine } from "./engine.ts";
import type { Leases } from "./leases.ts";
import type { Ready } from "./model-states.ts";

/** What is known of the model whose process is replaced. */
export interface Renewal {
  /** Starts another process that loads it. */
  readonly start: () => Engine;
  /** Whether a process still is the one that serves. */
  readonly serves: (engine: Engine) => boolean;
  /** From now on another process serves; answers with the leases of the one before. */
  readonly adopt: (ready: Ready) => Leases;
  /** Ends the one that serves after its leases, and only then begins another. */
  readonly endFirst: () => Promise<void>;
}

/** Processes that are to take over from others, and those that they take over from, until each has ended. */
export class Renewals {
  readonly #engines = new Set<Engine>();
  /** Of these, those that another has been started for. */
  readonly #replaced = new Set<Engine>();

  /** Puts a new process in the place of one that serves: who asks gets the new one once it is loaded, and the old one ends after its last lease. Where there is no room for both, the old one ends first. */
  async renew(old: Engine, { start, serves, adopt, endFirst }: Renewal): Promise<void> {
    if (!serves(old) || this.#replaced.has(old)) return;
    this.#replaced.add(old);
    this.#remember(old);
    const engine = start();
    this.#remember(engine);
    // Why it did not load is of no use to anybody: the same load is tried again, for all to see, when the old one has ended.
    const about = await engine.loaded.catch(() => undefined);
    if (about === undefined || !serves(old)) {
      await engine.stop();
      if (serves(old)) await endFirst();
      return;
    }
    const leases = adopt({ engine, about });
    await Promise.race([leases.none(), old.ended]);
    leases.clear();
    await old.stop();
  }

  /** Ends them now. */
  async close(): Promise<void> {
    await Promise.all([...this.#engines].map((engine) => engine.stop()));
  }

  #remember(engine: Engine): void {
    this.#engines.add(engine);
    void engine.ended.then(() => {
      this.#engines.delete(engine);
      this.#replaced.delete(engine);
    });
  }
}
