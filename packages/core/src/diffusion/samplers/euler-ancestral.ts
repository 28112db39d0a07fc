import { blend2, blend3 } from "../blend.ts";
import { latentLike } from "../kernels/workspaces.ts";
import { begin, type SamplerInput, type SamplerStep } from "../sampler.ts";
import { alphaOf } from "../space.ts";
import { type AncestralOptions, ancestralStep } from "./ancestral.ts";

/**
 * Ancestral sampling (DDPM, Ho et al. 2020, https://arxiv.org/abs/2006.11239) with Euler steps: an Euler step down to σ_down,
 * then noise back up to the next σ.
 */
export async function* euler_ancestral(input: SamplerInput<AncestralOptions>): AsyncGenerator<SamplerStep, void, void> {
  const { model, x, sigmas, steps, space, noise, options } = begin(input, ["ve", "flow"]);
  const { eta = 1, sNoise = 1 } = options;
  const place = latentLike(x);
  for (let i = 0; i < steps; i++) {
    const sigma = sigmas[i]!;
    const sigmaNext = sigmas[i + 1]!;
    const denoised = await model(x, sigma, i, place);
    const { sigmaDown, sigmaUp, keep } = ancestralStep(sigma, sigmaNext, eta, space);
    const ratio = sigmaDown / sigma;
    const pull = alphaOf(space, sigmaDown) - alphaOf(space, sigma) * ratio;
    if (sigmaUp > 0) blend3(x, keep * ratio, x, keep * pull, denoised, sNoise * sigmaUp, noise(sigma, sigmaNext));
    else blend2(x, keep * ratio, x, keep * pull, denoised);
    yield { step: i + 1, steps, sigma, sigmaNext, x, denoised };
  }
}
