import { blend2, blend3 } from "../blend.ts";
import { latentLike } from "../kernels/workspaces.ts";
import { begin, type SamplerInput, type SamplerStep } from "../sampler.ts";
import { type ChurnOptions, churn } from "./euler.ts";

/**
 * Heun's second-order method with optional churn: Algorithm 2 of Karras et al. 2022 (https://arxiv.org/abs/2206.00364). Two model
 * calls a step, one in a step to σ = 0.
 */
export async function* heun(input: SamplerInput<ChurnOptions>): AsyncGenerator<SamplerStep, void, void> {
  const { model, x, sigmas, steps, noise, options } = begin(input, ["ve", "flow"]);
  const [trial, place] = [latentLike(x), latentLike(x)];
  for (let i = 0; i < steps; i++) {
    const sigma = sigmas[i]!;
    const sigmaNext = sigmas[i + 1]!;
    const sigmaHat = churn(x, sigma, steps, options, noise);
    let denoised = await model(x, sigmaHat, i, place);
    const ratio = sigmaNext / sigmaHat;
    if (sigmaNext > 0) {
      blend2(trial, ratio, x, 1 - ratio, denoised);
      denoised = await model(trial, sigmaNext, i, place);
      // x + dt·(d + d')/2 with dt·d = trial − x and d' = (trial − x0')/σ', in one sum.
      const halfNext = (1 - 1 / ratio) / 2;
      blend3(x, 1 / 2, x, 1 / 2 + halfNext, trial, -halfNext, denoised);
    } else blend2(x, ratio, x, 1 - ratio, denoised);
    yield { step: i + 1, steps, sigma, sigmaNext, x, denoised };
  }
}
