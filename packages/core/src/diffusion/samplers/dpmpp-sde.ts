import { blend2 } from "../blend.ts";
import { latentLike } from "../kernels/workspaces.ts";
import { begin, type SamplerInput, type SamplerStep } from "../sampler.ts";
import { alphaOf, fromRatio, ratioOf, type Space } from "../space.ts";
import { type AncestralOptions, ancestralStep } from "./ancestral.ts";
import { awayFromPureNoise } from "./exponential-step.ts";

/** What {@link dpmpp_sde} takes. */
export interface DpmppSdeOptions extends AncestralOptions {
  /** Where the middle call is, as a share of the step's length in λ; ½ unless given. */
  r?: number;
  /** Ask for noise over exp(log σ) in float32 rather than over σ, as diffusers' scheduler does; a Brownian tree sees the difference. */
  asDiffusers?: boolean;
}

/**
 * DPM-Solver++ SDE, singlestep of second order, as in k-diffusion: Lu et al. 2022 (https://arxiv.org/abs/2211.01095) on the reverse SDE.
 * Two model calls and two draws of noise a step, over the interval to the middle and over the whole.
 */
export async function* dpmpp_sde(input: SamplerInput<DpmppSdeOptions>): AsyncGenerator<SamplerStep, void, void> {
  const run = begin(input);
  const { model, x, steps, space, noise, options } = run;
  const sigmas = awayFromPureNoise(run.sigmas, space);
  const { eta = 1, sNoise = 1, r = 0.5, asDiffusers = false } = options;
  const [trial, place, placeMiddle] = [latentLike(x), latentLike(x), latentLike(x)];
  const factor = 1 / (2 * r);
  for (let i = 0; i < steps; i++) {
    const sigma = sigmas[i]!;
    const sigmaNext = sigmas[i + 1]!;
    let denoised = await model(x, sigma, i, place);
    if (sigmaNext === 0) x.set(denoised);
    else {
      const first = denoised;
      const middle = fromRatio(space, ratioOf(space, sigma) ** (1 - r) * ratioOf(space, sigmaNext) ** r);
      move(trial, first, sigma, middle, middleTime(sigma, sigmaNext));
      denoised = await model(trial, middle, i, placeMiddle);
      if (factor !== 1) blend2(denoised, 1 - factor, first, factor, denoised);
      move(x, denoised, sigma, sigmaNext, asDiffusers ? levelF32(lambdaF32(sigmaNext)) : sigmaNext);
    }
    yield { step: i + 1, steps, sigma, sigmaNext, x, denoised };
  }

  /** An ancestral step, in the coordinates σ/α, from x towards `target`. */
  function move(out: Float32Array, target: Float32Array, from: number, to: number, timeTo: number): void {
    const { sigmaDown, sigmaUp } = ancestralStep(ratioOf(space, from), ratioOf(space, to), eta, ANCESTRAL_SPACE);
    const alpha = alphaOf(space, to);
    blend2(out, (alpha * sigmaDown) / from, x, alpha * (1 - sigmaDown / ratioOf(space, from)), target);
    const timeFrom = asDiffusers ? levelF32(lambdaF32(from)) : from;
    if (eta > 0) blend2(out, 1, out, alpha * sNoise * sigmaUp, noise(timeFrom, timeTo));
  }

  /** The middle's level to the last float32 bit of the reference: a Brownian tree tells apart levels that differ in it. */
  function middleTime(from: number, to: number): number {
    const [start, end] = [lambdaF32(from), lambdaF32(to)];
    return levelF32(f32(start + f32(r * f32(end - start))));
  }

  function lambdaF32(sigma: number): number {
    return space === "flow" ? f32(-Math.log(f32(sigma) / (1 - f32(sigma)))) : f32(-Math.log(f32(sigma)));
  }

  function levelF32(lambda: number): number {
    return space === "flow" ? f32(1 / (1 + Math.exp(lambda))) : f32(Math.exp(-lambda));
  }
}

const f32 = Math.fround;

const ANCESTRAL_SPACE: Space = "ve";
