import { requireInteger } from "../invalid.ts";
import { boxMuller16, boxMuller16Double } from "./box-muller.ts";
import { MersenneTwister } from "./mersenne-twister.ts";
import { fillNormals } from "./normals.ts";
import { roundedLog, roundedSinCos } from "./rounded-functions.ts";
import { type Seed, seedWords } from "./seed.ts";

/**
 * `torch.Generator("cpu").manual_seed(seed)`: successive draws continue one stream, exactly as torch's do.
 *
 * @example
 * ```ts
 * const generator = new TorchGenerator(42);
 * const latent = generator.randn(4 * 64 * 64); // torch.randn(1, 4, 64, 64, generator=…), flattened
 * ```
 */
export class TorchGenerator {
  #engine: MersenneTwister;
  /** The Box–Muller partner of the last scalar normal; torch keeps it between calls. */
  #cached: number | undefined;

  constructor(seed: Seed) {
    this.#engine = new MersenneTwister(seedWords(seed).low);
  }

  /** `torch.randn(n, dtype=torch.float32)`. */
  randn(n: number): Float32Array {
    const out = new Float32Array(requireInteger("n", n, 0, 2 ** 31));
    if (n < 16) return out.map(() => this.#scalarNormal());
    const whole = n - (n % 16);
    if (this.#engine.lend((state, next) => fillNormals(out, whole, state, next)))
      this.#engine.fillUniform24(out, whole);
    else {
      this.#engine.fillUniform24(out, 0);
      for (let i = 0; i < whole; i += 16) boxMuller16(out, i);
    }
    if (n % 16 !== 0) {
      // torch makes the last, partial block anew over the final 16 values.
      this.#engine.fillUniform24(out, n - 16);
      boxMuller16(out, n - 16);
    }
    return out;
  }

  /** `torch.randn(n, dtype=torch.float64)`. */
  randn64(n: number): Float64Array {
    const out = new Float64Array(requireInteger("n", n, 0, 2 ** 31));
    if (n < 16) return out.map(() => this.#scalarNormal());
    for (let i = 0; i < n; i++) out[i] = this.#uniform53();
    for (let i = 0; i + 16 <= n; i += 16) boxMuller16Double(out, i);
    if (n % 16 !== 0) {
      for (let i = n - 16; i < n; i++) out[i] = this.#uniform53();
      boxMuller16Double(out, n - 16);
    }
    return out;
  }

  /** `torch.rand(n, dtype=torch.float32)`: uniform in [0, 1). */
  rand(n: number): Float32Array {
    const out = new Float32Array(requireInteger("n", n, 0, 2 ** 31));
    this.#engine.fillUniform24(out, 0);
    return out;
  }

  /** The next 32 bits of the stream. */
  next32(): number {
    return this.#engine.next();
  }

  /** A generator that goes on from the same place. */
  clone(): TorchGenerator {
    const copy = new TorchGenerator(0);
    copy.#engine = this.#engine.clone();
    copy.#cached = this.#cached;
    return copy;
  }

  #uniform53(): number {
    const high = this.#engine.next() & 0x1fffff;
    return (high * 2 ** 32 + this.#engine.next()) / 2 ** 53;
  }

  #scalarNormal(): number {
    if (this.#cached !== undefined) {
      const value = this.#cached;
      this.#cached = undefined;
      return value;
    }
    const theta = 2 * Math.PI * this.#uniform53();
    const radius = Math.sqrt(-2 * roundedLog(1 - this.#uniform53()));
    const [sin, cos] = roundedSinCos(theta);
    this.#cached = radius * sin;
    return radius * cos;
  }
}

/** `torch.randn(n, generator=manual_seed(seed))` on the CPU, in one call. */
export function torchRandn(seed: Seed, n: number): Float32Array {
  return new TorchGenerator(seed).randn(n);
}
