/** Words of state, and how far ahead a word is mixed with. */
export const N = 624;
export const M = 397;

/** MT19937, Matsumoto & Nishimura 1998 (https://doi.org/10.1145/272991.272995): torch's CPU engine. Its seed is 32 bits. */
export class MersenneTwister {
  readonly #state = new Uint32Array(N);
  #next = N;

  constructor(seed: number) {
    const state = this.#state;
    state[0] = seed;
    for (let i = 1; i < N; i++) state[i] = Math.imul(1812433253, state[i - 1]! ^ (state[i - 1]! >>> 30)) + i;
  }

  /** The next 32 random bits. */
  next(): number {
    if (this.#next >= N) this.#twist();
    let y = this.#state[this.#next++]!;
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  /** Fills `out` from `from` on with uniforms in [0, 1) of 24 random bits each, one {@link next} apiece. */
  fillUniform24(out: Float32Array, from: number): void {
    const state = this.#state;
    let next = this.#next;
    for (let i = from; i < out.length; i++) {
      if (next >= N) {
        this.#twist();
        next = 0;
      }
      let y = state[next++]!;
      y ^= y >>> 11;
      y ^= (y << 7) & 0x9d2c5680;
      y ^= (y << 15) & 0xefc60000;
      out[i] = ((y ^ (y >>> 18)) & 0xffffff) / 0x1000000;
    }
    this.#next = next;
  }

  /**
   * Lends the state to what draws from it by itself: `use` gets the words and how many of them are used up, and returns how many are then,
   * or undefined if it did nothing. True if it did something.
   */
  lend(use: (state: Uint32Array, next: number) => number | undefined): boolean {
    const next = use(this.#state, this.#next);
    if (next !== undefined) this.#next = next;
    return next !== undefined;
  }

  /** A copy that goes on from the same place. */
  clone(): MersenneTwister {
    const copy = new MersenneTwister(0);
    copy.#state.set(this.#state);
    copy.#next = this.#next;
    return copy;
  }

  #twist(): void {
    const state = this.#state;
    for (let i = 0; i < N - M; i++) state[i] = state[i + M]! ^ twist(state[i]!, state[i + 1]!);
    for (let i = N - M; i < N - 1; i++) state[i] = state[i + M - N]! ^ twist(state[i]!, state[i + 1]!);
    state[N - 1] = state[M - 1]! ^ twist(state[N - 1]!, state[0]!);
    this.#next = 0;
  }
}

function twist(upper: number, lower: number): number {
  const y = (upper & 0x80000000) | (lower & 0x7fffffff);
  return (y >>> 1) ^ (lower & 1 ? 0x9908b0df : 0);
}
