import { blend2 } from "../blend.ts";
import { begin, type SamplerInput, type SamplerStep } from "../sampler.ts";
import { derivative } from "./derivative.ts";
import { type ChurnOptions, churn } from "./euler.ts";

/**
 * Heun's second-order method with optional churn: Algorithm 2 of Karras et al. 2022 (https://arxiv.org/abs/2206.00364). Two model
 * calls a step, one in a step to σ = 0.
 */
export async function* heun(input: SamplerInput<ChurnOptions>): AsyncGenerator<SamplerStep, void, void> {
  const { model, x, sigmas, steps, space, noise, options } = begin(input, ["ve", "flow"]);
  const d = new Float32Array(x.length);
  const trial = new Float32Array(x.length);
  for (let i = 0; i < steps; i++) {
    const sigma = sigmas[i]!;
    const sigmaNext = sigmas[i + 1]!;
    const sigmaHat = churn(x, sigma, steps, options, noise);
    let denoised = await model(x, sigmaHat, i);
    derivative(d, space, x, denoised, sigmaHat);
    const dt = sigmaNext - sigmaHat;
    if (sigmaNext > 0) {
      blend2(trial, 1, x, dt, d);
      denoised = await model(trial, sigmaNext, i);
      blend2(x, 1, x, dt / 2, d);
      derivative(d, space, trial, denoised, sigmaNext);
      blend2(x, 1, x, dt / 2, d);
    } else blend2(x, 1, x, dt, d);
    yield { step: i + 1, steps, sigma, sigmaNext, x, denoised };
  }
}
