import { blend2 } from "../blend.ts";
import { invalid } from "../invalid.ts";
import { latentLike } from "../kernels/workspaces.ts";
import { begin, type SamplerInput, type SamplerStep } from "../sampler.ts";
import { alphaOf } from "../space.ts";

/** What {@link tcd} takes. */
export interface TcdOptions {
  /** γ, the strategic stochasticity: 0 is deterministic, 1 is {@link lcm}; 0.3 unless given. */
  eta?: number;
  /** The level s that each step is denoised to, between 0 and the next. Unless given, (1 − γ)·σ of the next. */
  middles?: (eta: number, index: number) => number;
}

/** Trajectory consistency distillation: Algorithm 4 (strategic stochastic sampling) of Zheng et al. 2024 (https://arxiv.org/abs/2402.19159). */
export async function* tcd(input: SamplerInput<TcdOptions>): AsyncGenerator<SamplerStep, void, void> {
  const { model, x, sigmas, steps, space, noise, options } = begin(input);
  const { eta = 0.3, middles } = options;
  if (!(eta >= 0 && eta <= 1)) invalid("eta", `must be from 0 to 1, not ${eta}`);
  const place = latentLike(x);
  for (let i = 0; i < steps; i++) {
    const sigma = sigmas[i]!;
    const sigmaNext = sigmas[i + 1]!;
    const middle = middles?.(eta, i) ?? (1 - eta) * sigmaNext;
    const denoised = await model(x, sigma, i, place);
    const ratio = middle / sigma;
    blend2(x, ratio, x, alphaOf(space, middle) - alphaOf(space, sigma) * ratio, denoised);
    if (eta > 0 && i < steps - 1) {
      const keep = alphaOf(space, sigmaNext) / alphaOf(space, middle);
      const std = Math.sqrt(Math.max(0, sigmaNext ** 2 - (keep * middle) ** 2));
      blend2(x, keep, x, std, noise(sigma, sigmaNext));
    }
    yield { step: i + 1, steps, sigma, sigmaNext, x, denoised };
  }
}
