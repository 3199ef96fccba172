const size = 624;
const middle = 397;

/** The generator of pseudo-random numbers that llama.cpp draws with: MT19937 by Matsumoto and Nishimura, as C++ has it. */
export interface MersenneTwister {
  /** 32 bits. */
  next(): number;
  /** 0 up to 1, of 64 bits. */
  nextDouble(): number;
  /** 0 up to 1, of 32 bits. */
  nextFloat(): number;
}

/** A generator; the same seed, a number of 32 bits, gives the same numbers. */
export function mersenneTwister(seed: number): MersenneTwister {
  const state = new Uint32Array(size);
  state[0] = seed;
  for (let index = 1; index < size; index++) {
    const before = state[index - 1]!;
    state[index] = Math.imul(1_812_433_253, before ^ (before >>> 30)) + index;
  }
  let at = size;
  const next = () => {
    if (at === size) {
      twist(state);
      at = 0;
    }
    let value = state[at++]!;
    value ^= value >>> 11;
    value ^= (value << 7) & 0x9d2c_5680;
    value ^= (value << 15) & 0xefc6_0000;
    return (value ^ (value >>> 18)) >>> 0;
  };
  return {
    next,
    nextDouble() {
      const low = next();
      return Math.min((low + next() * 2 ** 32) / 2 ** 64, 1 - Number.EPSILON / 2);
    },
    nextFloat: () => Math.min(Math.fround(next()) / 2 ** 32, 1 - 2 ** -24),
  };
}

function twist(state: Uint32Array): void {
  for (let index = 0; index < size; index++) {
    const joined = (state[index]! & 0x8000_0000) | (state[(index + 1) % size]! & 0x7fff_ffff);
    state[index] = state[(index + middle) % size]! ^ (joined >>> 1) ^ (joined & 1 ? 0x9908_b0df : 0);
  }
}
