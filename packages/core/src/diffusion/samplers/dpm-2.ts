import { blend2, blend3 } from "../blend.ts";
import { latentLike } from "../kernels/workspaces.ts";
import { begin, type SamplerInput, type SamplerStep } from "../sampler.ts";
import { type ChurnOptions, churn } from "./euler.ts";

/**
 * DPM-Solver-2 in the manner of Karras et al. 2022, Algorithm 2 (https://arxiv.org/abs/2206.00364): a midpoint step, the midpoint
 * being the geometric mean of the two noise levels. Two model calls a step, one in a step to σ = 0.
 */
export async function* dpm_2(input: SamplerInput<ChurnOptions>): AsyncGenerator<SamplerStep, void, void> {
  const { model, x, sigmas, steps, noise, options } = begin(input, ["ve", "flow"]);
  const [trial, place] = [latentLike(x), latentLike(x)];
  for (let i = 0; i < steps; i++) {
    const sigma = sigmas[i]!;
    const sigmaNext = sigmas[i + 1]!;
    const sigmaHat = churn(x, sigma, steps, options, noise);
    let denoised = await model(x, sigmaHat, i, place);
    if (sigmaNext > 0) {
      const middle = Math.sqrt(sigmaHat * sigmaNext);
      midpoint(trial, x, denoised, sigmaHat, middle);
      denoised = await model(trial, middle, i, place);
      fromMiddle(x, trial, denoised, (sigmaNext - sigmaHat) / middle);
    } else midpoint(x, x, denoised, sigmaHat, 0);
    yield { step: i + 1, steps, sigma, sigmaNext, x, denoised };
  }
}

/** An Euler step from σ to the middle. */
export function midpoint(out: Float32Array, x: Float32Array, denoised: Float32Array, sigma: number, to: number): void {
  const ratio = to / sigma;
  blend2(out, ratio, x, 1 - ratio, denoised);
}

/** `x ← x + dt·(trial − x0)/σ_mid`, the way the derivative at the middle goes; `reach` is dt/σ_mid. */
export function fromMiddle(x: Float32Array, trial: Float32Array, denoised: Float32Array, reach: number): void {
  blend3(x, 1, x, reach, trial, -reach, denoised);
}
