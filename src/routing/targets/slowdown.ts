import type { Clock } from "../../core/ports.ts";

/** How long a target comes last after its upstream has limited its rate without saying for how long, ms: so long that its callers cost the others' budgets less than these get back meanwhile. */
const firstMs = 500;
/** Where that stops doubling, ms: most limits are counted by the minute. */
const longestMs = 30_000;

/** A target whose upstream limits its rate and does not say for how long: it comes last for a while, which doubles as long as it is limited whenever it is tried. */
export class Slowdown {
  readonly #clock: Clock;
  #times = 0;
  #untilMs = 0;
  #isTried = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether others are asked first. */
  isOn(): boolean {
    return this.#times > 0 && this.#clock.now() < this.#untilMs;
  }

  /** An attempt is made. True: it finds out whether the limit is over, and others stay away meanwhile. */
  begin(): boolean {
    if (this.#times === 0 || this.isOn()) return false;
    this.#untilMs = this.#clock.now() + this.#waitMs();
    this.#isTried = true;
    return true;
  }

  /** Its rate was limited; those who were told so together count as one. */
  limited(): void {
    if (this.isOn() && !this.#isTried) return;
    this.#isTried = false;
    this.#times++;
    this.#untilMs = this.#clock.now() + this.#waitMs();
  }

  /** The attempt that was to find out has brought content. */
  lifted(): void {
    this.#times = 0;
    this.#untilMs = 0;
    this.#isTried = false;
  }

  #waitMs(): number {
    return Math.min(longestMs, firstMs * 2 ** (this.#times - 1));
  }
}
