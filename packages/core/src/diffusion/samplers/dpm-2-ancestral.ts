import { blend2 } from "../blend.ts";
import { latentLike } from "../kernels/workspaces.ts";
import { begin, type SamplerInput, type SamplerStep } from "../sampler.ts";
import { type AncestralOptions, ancestralStep } from "./ancestral.ts";
import { fromMiddle, midpoint } from "./dpm-2.ts";

/** Ancestral sampling with DPM-Solver-2 steps (see {@link dpm_2}; Karras et al. 2022, https://arxiv.org/abs/2206.00364). */
export async function* dpm_2_ancestral(input: SamplerInput<AncestralOptions>): AsyncGenerator<SamplerStep, void, void> {
  const { model, x, sigmas, steps, space, noise, options } = begin(input, ["ve", "flow"]);
  const { eta = 1, sNoise = 1 } = options;
  const [trial, place] = [latentLike(x), latentLike(x)];
  for (let i = 0; i < steps; i++) {
    const sigma = sigmas[i]!;
    const sigmaNext = sigmas[i + 1]!;
    const { sigmaDown, sigmaUp, keep } = ancestralStep(sigma, sigmaNext, eta, space);
    let denoised = await model(x, sigma, i, place);
    if (sigmaDown > 0) {
      const middle = Math.sqrt(sigma * sigmaDown);
      midpoint(trial, x, denoised, sigma, middle);
      denoised = await model(trial, middle, i, place);
      fromMiddle(x, trial, denoised, (sigmaDown - sigma) / middle);
    } else midpoint(x, x, denoised, sigma, 0);
    if (sigmaUp > 0) blend2(x, keep, x, sNoise * sigmaUp, noise(sigma, sigmaNext));
    yield { step: i + 1, steps, sigma, sigmaNext, x, denoised };
  }
}
