import { blend2 } from "../blend.ts";
import { latentLike } from "../kernels/workspaces.ts";
import { begin, type SamplerInput, type SamplerStep } from "../sampler.ts";

/** What {@link consistency} takes. */
export interface ConsistencyOptions {
  /** The lowest and highest level the model was trained at; 0.002 and 80 unless given. */
  sigmaMin?: number;
  sigmaMax?: number;
  /** The added noise's standard deviation. */
  sNoise?: number;
}

/**
 * Multistep consistency sampling: Algorithm 1 of Song et al. 2023 (https://arxiv.org/abs/2303.01469). Noise goes up to
 * √(σ² − σ_min²), since the model's clean end is σ_min.
 */
export async function* consistency(input: SamplerInput<ConsistencyOptions>): AsyncGenerator<SamplerStep, void, void> {
  const { model, x, sigmas, steps, noise, options } = begin(input, ["ve"]);
  const { sigmaMin = 0.002, sigmaMax = 80, sNoise = 1 } = options;
  const place = latentLike(x);
  for (let i = 0; i < steps; i++) {
    const sigma = sigmas[i]!;
    const sigmaNext = sigmas[i + 1]!;
    const denoised = await model(x, sigma, i, place);
    const sigmaHat = Math.min(Math.max(sigmaNext, sigmaMin), sigmaMax);
    const std = sNoise * Math.sqrt(sigmaHat ** 2 - sigmaMin ** 2);
    if (std > 0) blend2(x, 1, denoised, std, noise(sigma, sigmaNext));
    else x.set(denoised);
    yield { step: i + 1, steps, sigma, sigmaNext, x, denoised };
  }
}
