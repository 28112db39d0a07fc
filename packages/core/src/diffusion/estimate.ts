import { blend } from "./blend.ts";
import { latentLike, ownerOf } from "./kernels/workspaces.ts";
import type { Denoiser, SamplerStep } from "./sampler.ts";
import { alphaOf, type Space } from "./space.ts";

/**
 * A model's estimate of x0 as the sum `skip·x + out·output` that a network's is. A step takes it into a sum of its own, which saves a pass
 * over the latent; the estimate itself is made when it is looked at, of an `x` that is left as it was until then.
 */
export class Estimate {
  #x: Float32Array;
  readonly #output: Float32Array;
  #skip: number;
  #out: number;

  /** `output` is written over. */
  constructor(x: Float32Array, output: Float32Array, { skip, out }: { skip: number; out: number }) {
    this.#x = x;
    this.#output = output;
    this.#skip = skip;
    this.#out = out;
  }

  /** x0, in the output's array. */
  get denoised(): Float32Array {
    this.sum(this.#output, 0, 1);
    this.#skip = 0;
    this.#out = 1;
    return this.#output;
  }

  /** This estimate, of a copy of its `x`. */
  ofCopy(place: Float32Array): this {
    place.set(this.#x);
    this.#x = place;
    return this;
  }

  /** `target ← a·x + b·x0`, after the sum of other terms if there are any. */
  sum(target: Float32Array, a: number, b: number, weights: number[] = [], terms: Float32Array[] = []): Float32Array {
    const whole = a + b * this.#skip;
    // Where x0 takes away all of x, as the ε does that is asked for and predicted, what is left of it is only rounding.
    const kept = Math.abs(whole) > 1e-14 * Math.abs(a) ? whole : 0;
    return blend(target, [...weights, kept, b * this.#out], [...terms, this.#x, this.#output]);
  }

  /** `target ←` the direction of derivative.ts at noise level `sigma`. */
  direction(target: Float32Array, space: Space, sigma: number): Float32Array {
    const alpha = space === "vp" ? alphaOf(space, sigma) : 1;
    return this.sum(target, 1 / sigma, -alpha / sigma);
  }
}

/**
 * Where the step after `x` goes, the two taking turns, so that an {@link Estimate} can still be made of `x`: in a workspace, whose steps
 * are shown as one array, a latent of its own. Elsewhere it is `x` itself, and estimates are of a copy.
 */
export function nextLike(x: Float32Array): Float32Array {
  return ownerOf(x) ? latentLike(x) : x;
}

/** A step whose estimate is made when it is looked at. */
export function madeWhenSeen(step: Omit<SamplerStep, "denoised">, x0: Estimate): SamplerStep {
  return {
    ...step,
    get denoised() {
      return x0.denoised;
    },
  };
}

/** A model whose estimates needn't be made. */
export interface EstimatingDenoiser extends Denoiser {
  estimate(x: Float32Array, sigma: number, index: number): Promise<Estimate>;
}

/** Whether a model is one. */
export function isEstimating(model: Denoiser): model is EstimatingDenoiser {
  return "estimate" in model;
}
