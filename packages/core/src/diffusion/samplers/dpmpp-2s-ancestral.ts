import { blend2 } from "../blend.ts";
import { latentLike } from "../kernels/workspaces.ts";
import { begin, type SamplerInput, type SamplerStep } from "../sampler.ts";
import { fromRatio, ratioOf } from "../space.ts";
import { type AncestralOptions, ancestralStep } from "./ancestral.ts";
import { awayFromPureNoise, exponentialStep } from "./exponential-step.ts";

/**
 * Ancestral sampling with DPM-Solver++(2S) steps: Algorithm 1 of Lu et al. 2022 (https://arxiv.org/abs/2211.01095) with r = ½. Two model
 * calls a step, one in a step to σ = 0.
 */
export async function* dpmpp_2s_ancestral(
  input: SamplerInput<AncestralOptions>,
): AsyncGenerator<SamplerStep, void, void> {
  const { model, x, sigmas, steps, space, noise, options } = begin(input, ["ve", "flow"]);
  const { eta = 1, sNoise = 1 } = options;
  const [trial, place] = [latentLike(x), latentLike(x)];
  for (let i = 0; i < steps; i++) {
    const sigma = sigmas[i]!;
    const sigmaNext = sigmas[i + 1]!;
    const { sigmaDown, sigmaUp, keep } = ancestralStep(sigma, sigmaNext, eta, space);
    let denoised = await model(x, sigma, i, place);
    if (sigmaDown > 0) {
      const from = awayFromPureNoise(sigmas, space)[i]!;
      const middle = from === sigma ? middleOf(sigma, sigmaDown) : 0.9999;
      exponentialStep(trial, space, x, denoised, sigma, middle);
      denoised = await model(trial, middle, i, place);
    }
    exponentialStep(x, space, x, denoised, sigma, sigmaDown);
    if (sigmaUp > 0) blend2(x, keep, x, sNoise * sigmaUp, noise(sigma, sigmaNext));
    yield { step: i + 1, steps, sigma, sigmaNext, x, denoised };
  }

  /** The level halfway in λ. */
  function middleOf(from: number, to: number): number {
    return fromRatio(space, Math.sqrt(ratioOf(space, from) * ratioOf(space, to)));
  }
}
