import { Estimate, isEstimating } from "./estimate.ts";
import { invalid } from "./invalid.ts";
import { latentLike, ownerOf, placesLike } from "./kernels/workspaces.ts";
import type { Space } from "./space.ts";

/**
 * The model as a sampler sees it: from the noisy latent `x` at noise level `sigma` (both in the sampler's space) to its estimate of
 * the clean latent x0, in an array of the same length. The array returned belongs to the sampler: don't reuse it for the next call.
 * `index` counts the steps from 0; a sampler of higher order asks several times within one. `into` is where the sampler would like the
 * estimate, which saves an array; a model may as well return another.
 */
export type Denoiser = (x: Float32Array, sigma: number, index: number, into?: Float32Array) => Promise<Float32Array>;

/**
 * Fresh unit normal noise for one stochastic step, from `sigma` to `sigmaNext`; an array as long as the latent, read at once.
 * Most sources ignore the interval; a Brownian tree gives the same noise for the same interval.
 */
export type NoiseSource = (sigma: number, sigmaNext: number) => Float32Array;

/** What every sampler takes. */
export interface SamplerInput<Options = object> {
  model: Denoiser;
  /** The latent at `sigmas[0]`, any shape, flattened. It is copied, never written to. */
  x: Float32Array;
  /** Noise levels, falling, one more than there are steps; the last is where sampling ends, usually 0. */
  sigmas: ArrayLike<number>;
  /** The coordinates `x` and `sigmas` are in; `"ve"`, k-diffusion's, unless given. */
  space?: Space;
  /** Needed by the stochastic samplers. */
  noise?: NoiseSource;
  options?: Options;
  /** Looked at before each call of the model; the sampler then throws the signal's reason. */
  signal?: AbortSignal;
  halfway?: Halfway;
}

/**
 * Called before each call of the model but a step's first, with the latent of that call, its noise level and the step's index. What it
 * writes to the latent is what the model sees and what the step goes on with: inpainting blends there too. The array is lent for the
 * time of this call: copy to keep.
 */
export type Halfway = (x: Float32Array, sigma: number, index: number) => void;

/**
 * One finished step. `x` and `denoised` are views of live buffers, valid until the next step is asked for: copy to keep. Writing to
 * `x` changes what the next step starts from, which is how 4-channel inpainting and user hooks work.
 */
export interface SamplerStep {
  /** Steps done so far, 1 to `steps`. */
  step: number;
  steps: number;
  /** The noise level this step began at, in the sampler's space. */
  sigma: number;
  /** The noise level that `x` is at now. */
  sigmaNext: number;
  x: Float32Array;
  /** The model's newest estimate of the clean latent: what a preview decodes. Some samplers make it when it is looked at. */
  denoised: Float32Array;
}

/** A sampler: one free async generator, one yield a step. */
export type Sampler<Options = object> = (input: SamplerInput<Options>) => AsyncGenerator<SamplerStep, void, void>;

/** The input with its defaults in place and checked. */
export interface Run<Options> {
  model: Denoiser;
  /** The model as well, for samplers that leave the estimate to be made when it is looked at. */
  estimate: (x: Float32Array, sigma: number, index: number) => Promise<Estimate>;
  /** The sampler's own copy of the latent. */
  x: Float32Array;
  sigmas: Float64Array;
  steps: number;
  space: Space;
  noise: NoiseSource;
  options: Partial<Options>;
}

/** Checks a sampler's input and copies the latent. Every sampler begins with it. */
export function begin<Options>(
  { model, x, sigmas, space = "ve", noise, options, signal, halfway }: SamplerInput<Options>,
  spaces: readonly Space[] = ["ve", "vp", "flow"],
): Run<Options> {
  if (!spaces.includes(space)) invalid("space", `this sampler can't step in ${space}`, spaces);
  const levels = checkSigmas(sigmas, space);
  const own = latentLike(x);
  own.set(x);
  let begun = -1;
  const beforeCall = (input: Float32Array, sigma: number, index: number) => {
    signal?.throwIfAborted();
    if (index === begun) halfway?.(input, sigma, index);
    begun = index;
  };
  const ask: Denoiser = async (input, sigma, index, into) => {
    beforeCall(input, sigma, index);
    // The last step's estimate is looked at after the run: it stays where the model has it.
    const denoised = await model(input, sigma, index, index === levels.length - 2 ? undefined : into);
    if (denoised.length !== x.length)
      invalid("model", `returned ${denoised.length} values for a latent of ${x.length}`);
    return denoised;
  };
  // Of a step's two calls, and of the last step's.
  const places = placesLike(own, 3);
  return {
    model: ask,
    estimate: (input, sigma, index) => {
      if (!isEstimating(model))
        return ask(input, sigma, index, places()).then(
          (denoised) => new Estimate(input, denoised, { skip: 0, out: 1 }),
        );
      beforeCall(input, sigma, index);
      const estimate = model.estimate(input, sigma, index);
      return ownerOf(own) ? estimate : estimate.then((x0) => x0.ofCopy(places()));
    },
    x: own,
    sigmas: levels,
    steps: levels.length - 1,
    space,
    noise: noise ?? (() => invalid("noise", "this sampler adds noise at each step, so it needs a noise source")),
    options: options ?? {},
  };
}

/** Checks that `sigmas` are finite, at least two, never negative and never rise. */
export function checkSigmas(sigmas: ArrayLike<number>, space: Space = "ve"): Float64Array {
  const levels = Float64Array.from(sigmas);
  if (levels.length < 2) invalid("sigmas", `needs at least 2 noise levels (1 step), not ${levels.length}`);
  for (const [i, sigma] of levels.entries()) {
    if (!Number.isFinite(sigma) || sigma < 0)
      invalid("sigmas", `level ${i} is ${sigma}; must be finite and at least 0`);
    if (space !== "ve" && sigma > 1) invalid("sigmas", `level ${i} is ${sigma}; at most 1 in the ${space} space`);
    if (sigma === 0 && i < levels.length - 1) invalid("sigmas", `level ${i} is 0, which only the last may be`);
    if (i > 0 && sigma > levels[i - 1]!)
      invalid("sigmas", `level ${i} (${sigma}) is above the one before it (${levels[i - 1]}); must fall`);
  }
  return levels;
}
