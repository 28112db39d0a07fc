import { blend2, blend3 } from "../blend.ts";
import { begin, type SamplerInput, type SamplerStep } from "../sampler.ts";
import { alphaOf, lambdaOf } from "../space.ts";

/** What {@link dpmpp_2m} takes. */
export interface Dpmpp2mOptions {
  /** Make the last step of first order even where it doesn't end at σ = 0. */
  lowerOrderFinal?: boolean;
}

/**
 * DPM-Solver++(2M): Algorithm 2 of Lu et al. 2022 (https://arxiv.org/abs/2211.01095), a second-order multistep method in
 * λ = log(α/σ). The first step, and the step to σ = 0, are of first order.
 */
export async function* dpmpp_2m(input: SamplerInput<Dpmpp2mOptions>): AsyncGenerator<SamplerStep, void, void> {
  const { model, x, sigmas, steps, space, options } = begin(input);
  let previous: Float32Array | undefined;
  for (let i = 0; i < steps; i++) {
    const sigma = sigmas[i]!;
    const sigmaNext = sigmas[i + 1]!;
    const denoised = await model(x, sigma, i);
    const ratio = sigmaNext / sigma;
    const pull = alphaOf(space, sigmaNext) - alphaOf(space, sigma) * ratio;
    const h = lambdaOf(space, sigmaNext) - lambdaOf(space, sigma);
    const hLast = i > 0 ? lambdaOf(space, sigma) - lambdaOf(space, sigmas[i - 1]!) : 0;
    const first = sigmaNext === 0 || hLast === 0 || (i === steps - 1 && options.lowerOrderFinal);
    if (previous && !first) {
      const half = h / (2 * hLast);
      blend3(x, ratio, x, pull * (1 + half), denoised, -pull * half, previous);
    } else blend2(x, ratio, x, pull, denoised);
    previous = denoised;
    yield { step: i + 1, steps, sigma, sigmaNext, x, denoised };
  }
}
