import type { ConnectError } from "@connectrpc/connect";
import { asFault, fault, reasonOf } from "../../core/reasons.ts";
import { untilAborted } from "../../core/signals.ts";
import { CrashLoop } from "./crash-loop.ts";
import type { Engine, EngineCrash } from "./engine.ts";
import { Leases } from "./leases.ts";
import { Renewals } from "./renewal.ts";
import type { EngineState, Lease, ModelEngineOptions, ModelStatus, Ready } from "./model-states.ts";
import { engineOf, hopeless, refused, refuseTooSoon, statusOf } from "./model-states.ts";

/** The engine of one model through loads, crashes and unloads. */
export class ModelEngine {
  readonly #options: ModelEngineOptions;
  #state: EngineState = { is: "idle" };
  #fractionDone = 0;
  readonly #crashes: CrashLoop;
  /** Of those who use the engine or wait for its load; none of those who wait for its end. */
  #leases: Leases;
  readonly #renewals = new Renewals();
  /** Ends what the present state waits for. */
  #cancelTimer = () => {};

  constructor(options: ModelEngineOptions) {
    this.#options = options;
    this.#crashes = new CrashLoop(options.clock);
    this.#leases = this.#newLeases();
  }

  get status(): ModelStatus {
    return statusOf(this.#state);
  }

  /** Whether a process is the one that serves, and in nobody's hands. */
  isIdle(engine: Engine): boolean {
    return this.#state.is === "ready" && this.#state.ready.engine === engine && !this.#leases.areHeld;
  }

  /** Whether it is in somebody's hands, who may still wait for it. */
  readonly isBusy = () => this.#leases.areHeld;

  /** When it was last in somebody's hands, on the clock. */
  lastUsedMs(): number {
    return Math.max(this.#leases.lastMs, this.#state.is === "ready" ? this.#state.sinceMs : 0);
  }

  /** When it is unloaded unless it is asked for again, on the clock; undefined: never. */
  readonly untilMs = () => this.#leases.untilMs;

  /** Of the load that runs, 0 to 1. */
  get fractionDone(): number {
    return this.#state.is === "ready" ? 1 : this.#fractionDone;
  }

  /** The loaded model, for as long as the lease is held; loads it when need be, and then all callers wait for the same load. Throws `engine_failed`. */
  async lease(signal: AbortSignal): Promise<Lease> {
    while (this.#state.is === "unloading") await untilAborted(this.#state.done, signal);
    const ready = this.#ready();
    // Held from here on, so that what is loaded for somebody is not idle before he has it.
    const release = this.#leases.take();
    try {
      return { ...(await untilAborted(ready, signal)), release };
    } catch (error) {
      release();
      throw error;
    }
  }

  /** Ends it after its leases have been given back. */
  async unload(): Promise<void> {
    const state = this.#state;
    if (state.is === "loading") {
      await state.ready.catch(() => {});
      await this.unload();
    } else if (state.is === "unloading") {
      await state.done;
    } else if (state.is === "failed") {
      this.#become({ is: "idle" });
    } else if (state.is === "ready") {
      const { engine } = state.ready;
      const done = this.#end(engine);
      this.#become({ is: "unloading", engine, done });
      await done;
    }
  }

  /** Puts a new process in the place of the one that serves, if it does. */
  async renew(old: Engine): Promise<void> {
    await this.#renewals.renew(old, {
      start: this.#options.start,
      serves: (engine) => this.#state.is === "ready" && this.#state.ready.engine === engine,
      adopt: (ready) => this.#adopt(ready),
      endFirst: async () => {
        await this.unload();
        if (this.#state.is === "idle") await this.#begin();
      },
    });
  }

  /** How long it stays loaded has changed; `endsWithLast`: it goes with its last lease. */
  keepAliveChanged(endsWithLast = false): void {
    if (this.#state.is === "ready") this.#leases.restart(endsWithLast);
  }

  /** Forgets that it failed: it is to be loaded in another way. */
  forgive(): void {
    if (this.#state.is !== "failed") return;
    this.#crashes.forget();
    this.#become({ is: "idle" });
  }

  /** Ends it now. */
  async close(): Promise<void> {
    const before = this.#state;
    this.#become({ is: "closed" });
    await engineOf(before)?.stop();
    await this.#renewals.close();
  }

  /** Its load has come so far. */
  loading(fractionDone: number): void {
    this.#fractionDone = fractionDone;
    this.#options.onChange();
  }

  #ready(): Promise<Ready> {
    const state = this.#state;
    if (state.is === "ready") return Promise.resolve(state.ready);
    if (state.is === "loading") return state.ready;
    if (state.is === "closed") throw fault("draining", "the service is shutting down");
    if (state.is === "unloading") throw new TypeError("an engine that is unloading is waited for");
    if (state.is === "failed") refuseTooSoon(state, this.#options.clock.now());
    return this.#begin();
  }

  #become(next: EngineState): void {
    const before = this.#state.is === "ready" ? this.#state.ready : undefined;
    this.#cancelTimer();
    this.#cancelTimer = () => {};
    this.#state = next;
    const ready = next.is === "ready" ? next.ready : undefined;
    if (ready !== before) this.#options.onLoaded(ready);
    this.#options.onChange();
  }

  #begin(): Promise<Ready> {
    this.#fractionDone = 0;
    let engine: Engine;
    try {
      engine = this.#options.start();
    } catch (error) {
      // Nobody may be there to be told: a process that crashed is started anew by itself.
      this.#loadFailed(asFault(error));
      return refused(error);
    }
    const ready = engine.loaded.then((about) => ({ engine, about }));
    const loading: EngineState = { is: "loading", engine, ready };
    this.#become(loading);
    const onLoaded = (loaded: Ready) => {
      if (this.#state !== loading) return;
      this.#become({ is: "ready", ready: loaded, sinceMs: this.#options.clock.now() });
      this.#leases.restart();
      if (!this.#leases.areHeld) this.#options.onIdle();
    };
    const onFailed = async (error: unknown) => {
      if (this.#state === loading) this.#loadFailed(asFault(error));
      await engine.stop();
    };
    ready.then(onLoaded, onFailed);
    this.#heedEnd(engine);
    return ready;
  }

  #heedEnd(engine: Engine): void {
    void engine.ended.then((crash) => {
      const state = this.#state;
      if (crash !== undefined && state.is === "ready" && state.ready.engine === engine) this.#crashed(crash, state.sinceMs);
    });
  }

  #newLeases(): Leases {
    const onUnwanted = () => void (this.#leases === leases && this.#state.is === "ready" && this.unload());
    const leases: Leases = new Leases({ ...this.#options, onUnwanted });
    return leases;
  }

  /** Another process serves from now on; answers with the leases of the one before. */
  #adopt(ready: Ready): Leases {
    const leases = this.#leases;
    this.#leases = this.#newLeases();
    this.#heedEnd(ready.engine);
    this.#become({ is: "ready", ready, sinceMs: this.#options.clock.now() });
    this.#leases.restart(leases.doEndWithLast);
    return leases;
  }

  #loadFailed(error: ConnectError): void {
    // Others were busy: nothing is wrong with the model.
    if (reasonOf(error) === "queue_timeout") return this.#become({ is: "idle" });
    this.#crashes.failed();
    this.#fail(error);
  }

  /** The process has ended by itself: the model serves again by itself, the first time at once. */
  #crashed(crash: EngineCrash, sinceMs: number): void {
    const { model, onCrash } = this.#options;
    this.#crashes.crashed(sinceMs);
    // They were of the process that is gone; the next one owes them nothing.
    this.#leases.clear();
    onCrash(crash);
    const { failures, isHopeless } = this.#crashes;
    if (isHopeless) this.#fail(hopeless(model, failures, crash));
    else if (failures === 1) void this.#begin();
    else this.#beginLater();
  }

  #beginLater(): void {
    const again = Promise.withResolvers<Ready>();
    again.promise.catch(() => {});
    this.#become({ is: "loading", engine: undefined, ready: again.promise });
    const cancel = this.#options.clock.after(this.#crashes.waitMs(this.#crashes.failures - 1), () => {
      this.#cancelTimer = () => {};
      again.resolve(this.#begin());
    });
    this.#cancelTimer = () => {
      cancel();
      again.reject(fault("draining", "the service is shutting down"));
    };
  }

  #fail(error: ConnectError): void {
    this.#options.onFailed(error.rawMessage);
    this.#become({ is: "failed", error, retryAtMs: this.#options.clock.now() + this.#crashes.waitMs(this.#crashes.failures) });
  }

  async #end(engine: Engine): Promise<void> {
    await Promise.race([this.#leases.none(), engine.ended]);
    await engine.stop();
    this.#leases.clear();
    this.#crashes.forget();
    if (this.#state.is === "unloading") this.#become({ is: "idle" });
  }
}
