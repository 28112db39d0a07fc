import { blend2 } from "../blend.ts";
import { begin, type SamplerInput, type SamplerStep } from "../sampler.ts";
import { type AncestralOptions, ancestralStep } from "./ancestral.ts";
import { derivative } from "./derivative.ts";

/** Ancestral sampling with DPM-Solver-2 steps (see {@link dpm_2} of Karras et al. 2022, https://arxiv.org/abs/2206.00364). */
export async function* dpm_2_ancestral(input: SamplerInput<AncestralOptions>): AsyncGenerator<SamplerStep, void, void> {
  const { model, x, sigmas, steps, space, noise, options } = begin(input, ["ve", "flow"]);
  const { eta = 1, sNoise = 1 } = options;
  const d = new Float32Array(x.length);
  const trial = new Float32Array(x.length);
  for (let i = 0; i < steps; i++) {
    const sigma = sigmas[i]!;
    const sigmaNext = sigmas[i + 1]!;
    const { sigmaDown, sigmaUp, keep } = ancestralStep(sigma, sigmaNext, eta, space);
    let denoised = await model(x, sigma, i);
    derivative(d, space, x, denoised, sigma);
    if (sigmaDown > 0) {
      const middle = Math.sqrt(sigma * sigmaDown);
      blend2(trial, 1, x, middle - sigma, d);
      denoised = await model(trial, middle, i);
      derivative(d, space, trial, denoised, middle);
    }
    blend2(x, keep, x, keep * (sigmaDown - sigma), d);
    if (sigmaUp > 0) blend2(x, 1, x, sNoise * sigmaUp, noise(sigma, sigmaNext));
    yield { step: i + 1, steps, sigma, sigmaNext, x, denoised };
  }
}
