import { blend2 } from "../blend.ts";
import { begin, type SamplerInput, type SamplerStep } from "../sampler.ts";
import { derivative } from "./derivative.ts";
import { type ChurnOptions, churn } from "./euler.ts";

/**
 * DPM-Solver-2 in the manner of Karras et al. 2022, Algorithm 2 (https://arxiv.org/abs/2206.00364): a midpoint step, the midpoint
 * being the geometric mean of the two noise levels. Two model calls a step, one in a step to σ = 0.
 */
export async function* dpm_2(input: SamplerInput<ChurnOptions>): AsyncGenerator<SamplerStep, void, void> {
  const { model, x, sigmas, steps, space, noise, options } = begin(input, ["ve", "flow"]);
  const d = new Float32Array(x.length);
  const trial = new Float32Array(x.length);
  for (let i = 0; i < steps; i++) {
    const sigma = sigmas[i]!;
    const sigmaNext = sigmas[i + 1]!;
    const sigmaHat = churn(x, sigma, steps, options, noise);
    let denoised = await model(x, sigmaHat, i);
    derivative(d, space, x, denoised, sigmaHat);
    if (sigmaNext > 0) {
      const middle = Math.sqrt(sigmaHat * sigmaNext);
      blend2(trial, 1, x, middle - sigmaHat, d);
      denoised = await model(trial, middle, i);
      derivative(d, space, trial, denoised, middle);
    }
    blend2(x, 1, x, sigmaNext - sigmaHat, d);
    yield { step: i + 1, steps, sigma, sigmaNext, x, denoised };
  }
}
