import { blend } from "../blend.ts";
import { latentLike } from "../kernels/workspaces.ts";
import { begin, type SamplerInput, type SamplerStep } from "../sampler.ts";
import { derivative } from "./derivative.ts";
import { type ChurnOptions, churn } from "./euler.ts";

/**
 * Heun++2, a predictor-corrector over up to three levels ahead, weighted by their noise: as published in sd-webui-samplers-scheduler,
 * built on Karras et al. 2022 (https://arxiv.org/abs/2206.00364). Three model calls a step, fewer in the last two.
 */
export async function* heunpp2(input: SamplerInput<ChurnOptions>): AsyncGenerator<SamplerStep, void, void> {
  const { model, x, sigmas, steps, space, noise, options } = begin(input, ["ve", "flow"]);
  const [d1, d2, d3] = [latentLike(x), latentLike(x), latentLike(x)];
  const [trial, place] = [latentLike(x), latentLike(x)];
  const end = sigmas[steps]!;
  for (let i = 0; i < steps; i++) {
    const sigma = sigmas[i]!;
    const sigmaNext = sigmas[i + 1]!;
    const sigmaHat = churn(x, sigma, steps, options, noise);
    let denoised = await model(x, sigmaHat, i, place);
    derivative(d1, space, x, denoised, sigmaHat);
    const dt = sigmaNext - sigmaHat;
    if (sigmaNext === end) blend(x, [1, dt], [x, d1]);
    else {
      blend(trial, [1, dt], [x, d1]);
      denoised = await model(trial, sigmaNext, i, place);
      derivative(d2, space, trial, denoised, sigmaNext);
      const after = sigmas[i + 2]!;
      if (after === end) {
        const w2 = sigmaNext / (2 * sigmas[0]!);
        blend(x, [1, dt * (1 - w2), dt * w2], [x, d1, d2]);
      } else {
        blend(trial, [1, after - sigmaNext], [trial, d2]);
        denoised = await model(trial, after, i, place);
        derivative(d3, space, trial, denoised, after);
        const w2 = sigmaNext / (3 * sigmas[0]!);
        const w3 = after / (3 * sigmas[0]!);
        blend(x, [1, dt * (1 - w2 - w3), dt * w2, dt * w3], [x, d1, d2, d3]);
      }
    }
    yield { step: i + 1, steps, sigma, sigmaNext, x, denoised };
  }
}
