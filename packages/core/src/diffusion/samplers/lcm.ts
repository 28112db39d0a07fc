import { blend2 } from "../blend.ts";
import { latentLike } from "../kernels/workspaces.ts";
import { begin, type SamplerInput, type SamplerStep } from "../sampler.ts";
import { alphaOf } from "../space.ts";

/** What {@link lcm} takes. */
export interface LcmOptions {
  /** The boundary condition's c_skip and c_out at a step, where the model doesn't have it built in. */
  boundary?: (index: number) => { skip: number; out: number };
  /** The added noise's standard deviation. */
  sNoise?: number;
}

/**
 * Multistep sampling of a latent consistency model: Algorithm 3 of Luo et al. 2023 (https://arxiv.org/abs/2310.04378): to x0 in one
 * go, then noised anew to the next level.
 */
export async function* lcm(input: SamplerInput<LcmOptions>): AsyncGenerator<SamplerStep, void, void> {
  const { model, x, sigmas, steps, space, noise, options } = begin(input);
  const { boundary, sNoise = 1 } = options;
  const place = latentLike(x);
  for (let i = 0; i < steps; i++) {
    const sigma = sigmas[i]!;
    const sigmaNext = sigmas[i + 1]!;
    const denoised = await model(x, sigma, i, place);
    if (boundary) {
      const { skip, out } = boundary(i);
      blend2(denoised, out, denoised, skip, x);
    }
    if (sigmaNext > 0) blend2(x, alphaOf(space, sigmaNext), denoised, sNoise * sigmaNext, noise(sigma, sigmaNext));
    else x.set(denoised);
    yield { step: i + 1, steps, sigma, sigmaNext, x, denoised };
  }
}
