/** Measures bytes a second over the last seconds. */
export interface RateMeter {
  /** Notes how many bytes there are in all at an instant, ms. */
  note(nowMs: number, bytes: number): void;
  /** Undefined until there is a measure. */
  rate(): number | undefined;
}

const windowMs = 5000;
const shortestMs = 200;

/** A fresh meter. */
export function rateMeter(): RateMeter {
  const samples: { readonly ms: number; readonly bytes: number }[] = [];
  return {
    note(ms, bytes) {
      samples.push({ ms, bytes });
      while (samples.length > 2 && ms - (samples[0]?.ms ?? ms) > windowMs) samples.shift();
    },
    rate() {
      const [first, last] = [samples[0], samples.at(-1)];
      if (first === undefined || last === undefined || last.ms - first.ms < shortestMs) return undefined;
      return Math.round(((last.bytes - first.bytes) * 1000) / (last.ms - first.ms));
    },
  };
}
