import { madeWhenSeen, nextLike } from "../estimate.ts";
import { placesLike } from "../kernels/workspaces.ts";
import { begin, type SamplerInput, type SamplerStep } from "../sampler.ts";
import { type ChurnOptions, churn } from "./euler.ts";

/**
 * Heun's second-order method with optional churn: Algorithm 2 of Karras et al. 2022 (https://arxiv.org/abs/2206.00364). Two model
 * calls a step, one in a step to σ = 0.
 */
export async function* heun(input: SamplerInput<ChurnOptions>): AsyncGenerator<SamplerStep, void, void> {
  const { estimate, sigmas, steps, noise, options, ...run } = begin(input, ["ve", "flow"]);
  let [x, next] = [run.x, nextLike(run.x)];
  // Two, so that the last step's estimate can be made while the next one's calls go on, or fail.
  const trials = placesLike(x, 2);
  for (let i = 0; i < steps; i++) {
    const sigma = sigmas[i]!;
    const sigmaNext = sigmas[i + 1]!;
    const sigmaHat = churn(x, sigma, steps, options, noise);
    let x0 = await estimate(x, sigmaHat, i);
    const ratio = sigmaNext / sigmaHat;
    if (sigmaNext > 0) {
      const trial = x0.sum(trials(), ratio, 1 - ratio);
      x0 = await estimate(trial, sigmaNext, i);
      // x + dt·(d + d')/2 with dt·d = trial − x and d' = (trial − x0')/σ', in one sum.
      const halfNext = (1 - 1 / ratio) / 2;
      x0.sum(x, 1 / 2 + halfNext, -halfNext, [1 / 2], [x]);
    } else {
      x0.sum(next, ratio, 1 - ratio);
      [x, next] = [next, x];
    }
    yield madeWhenSeen({ step: i + 1, steps, sigma, sigmaNext, x }, x0);
  }
}
