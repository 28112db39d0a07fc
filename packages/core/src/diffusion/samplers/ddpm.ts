import { blend2 } from "../blend.ts";
import { latentLike } from "../kernels/workspaces.ts";
import { begin, type SamplerInput, type SamplerStep } from "../sampler.ts";
import { alphaOf } from "../space.ts";

/** What {@link ddpm} takes. */
export interface DdpmOptions {
  /** The variance of the reverse step: the posterior's (`small`, the default) or the forward step's β (`large`). */
  variance?: "small" | "large";
  /** The step's timesteps; none is noised at timestep 0. Unless given, the step to σ = 0 isn't. */
  timesteps?: ArrayLike<number>;
}

/** Ancestral sampling of a DDPM: Algorithm 2 of Ho et al. 2020 (https://arxiv.org/abs/2006.11239). */
export async function* ddpm(input: SamplerInput<DdpmOptions>): AsyncGenerator<SamplerStep, void, void> {
  const { model, x, sigmas, steps, space, noise, options } = begin(input);
  const place = latentLike(x);
  for (let i = 0; i < steps; i++) {
    const sigma = sigmas[i]!;
    const sigmaNext = sigmas[i + 1]!;
    const [alpha, alphaNext] = [alphaOf(space, sigma), alphaOf(space, sigmaNext)];
    const denoised = await model(x, sigma, i, place);
    // q(x_t | x_s) = N(a·x_s, forward), and by Bayes q(x_s | x_t, x0).
    const a = alpha / alphaNext;
    const forward = Math.max(0, sigma ** 2 - (a * sigmaNext) ** 2);
    blend2(x, (a * sigmaNext ** 2) / sigma ** 2, x, (alphaNext * forward) / sigma ** 2, denoised);
    const variance = options.variance === "large" ? forward : (forward * sigmaNext ** 2) / sigma ** 2;
    const noised = options.timesteps ? options.timesteps[i]! > 0 : sigmaNext > 0;
    if (noised) blend2(x, 1, x, Math.sqrt(variance), noise(sigma, sigmaNext));
    yield { step: i + 1, steps, sigma, sigmaNext, x, denoised };
  }
}
