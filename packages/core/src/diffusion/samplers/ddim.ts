import { blend2 } from "../blend.ts";
import { latentLike } from "../kernels/workspaces.ts";
import { begin, type SamplerInput, type SamplerStep } from "../sampler.ts";
import { alphaOf } from "../space.ts";

/** What {@link ddim} takes. */
export interface DdimOptions {
  /** η: 0 (the default) is deterministic, 1 has DDPM's noise. */
  eta?: number;
  /** Where each step lands, where that is not the next step's level (diffusers' linspace and trailing spacings). */
  targets?: ArrayLike<number>;
  /** Clips or thresholds the estimate of x0 in place, after the noise direction was taken from it. */
  clamp?: (denoised: Float32Array) => void;
}

/** DDIM: equation 12 of Song et al. 2020, "Denoising Diffusion Implicit Models" (https://arxiv.org/abs/2010.02502). */
export async function* ddim(input: SamplerInput<DdimOptions>): AsyncGenerator<SamplerStep, void, void> {
  const { model, x, sigmas, steps, space, noise, options } = begin(input);
  const { eta = 0, targets, clamp } = options;
  const epsilon = clamp ? latentLike(x) : undefined;
  const place = latentLike(x);
  for (let i = 0; i < steps; i++) {
    const sigma = sigmas[i]!;
    const sigmaNext = targets?.[i] ?? sigmas[i + 1]!;
    const [alpha, alphaNext] = [alphaOf(space, sigma), alphaOf(space, sigmaNext)];
    const denoised = await model(x, sigma, i, place);
    const std = eta * ddimNoise(alpha, sigma, alphaNext, sigmaNext);
    const direction = Math.sqrt(Math.max(0, sigmaNext ** 2 - std ** 2));
    if (clamp && epsilon) {
      blend2(epsilon, 1 / sigma, x, -alpha / sigma, denoised);
      clamp(denoised);
      blend2(x, direction, epsilon, alphaNext, denoised);
    } else {
      const ratio = direction / sigma;
      blend2(x, ratio, x, alphaNext - alpha * ratio, denoised);
    }
    if (eta > 0) blend2(x, 1, x, std, noise(sigma, sigmaNext));
    yield { step: i + 1, steps, sigma, sigmaNext, x, denoised };
  }
}

/** σ_t(η = 1) of the paper's equation 16, for states of any scale: the noise that makes the step DDPM's. */
function ddimNoise(alpha: number, sigma: number, alphaNext: number, sigmaNext: number): number {
  if (alphaNext === 0) return 0;
  const shrink = (alpha * sigmaNext) / (alphaNext * sigma);
  return sigmaNext * Math.sqrt(Math.max(0, 1 - shrink ** 2));
}
