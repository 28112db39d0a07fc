import { blend2 } from "../blend.ts";
import { madeWhenSeen, nextLike } from "../estimate.ts";
import { invalid } from "../invalid.ts";
import { begin, type SamplerInput, type SamplerStep } from "../sampler.ts";
import { alphaOf } from "../space.ts";

/** Karras et al. 2022's stochasticity: noise added before a step, where `sTmin ≤ σ ≤ sTmax`. */
export interface ChurnOptions {
  /** S_churn, 0 to turn off. */
  sChurn?: number;
  sTmin?: number;
  sTmax?: number;
  /** S_noise, the added noise's standard deviation. */
  sNoise?: number;
}

/**
 * Euler's method on the probability-flow ODE: Algorithm 2 of Karras et al. 2022 (https://arxiv.org/abs/2206.00364) without its
 * second-order correction. The ODE is linear in x between model calls, so the step is written in its exact form, which is also DDIM.
 */
export async function* euler(input: SamplerInput<ChurnOptions>): AsyncGenerator<SamplerStep, void, void> {
  const { estimate, sigmas, steps, space, noise, options, ...run } = begin(input);
  if (options.sChurn && space === "vp") invalid("options.sChurn", "can't be had in the vp space", [0]);
  let [x, next] = [run.x, nextLike(run.x)];
  for (let i = 0; i < steps; i++) {
    const sigma = sigmas[i]!;
    const sigmaNext = sigmas[i + 1]!;
    const sigmaHat = churn(x, sigma, steps, options, noise);
    const x0 = await estimate(x, sigmaHat, i);
    const ratio = sigmaNext / sigmaHat;
    x0.sum(next, ratio, alphaOf(space, sigmaNext) - alphaOf(space, sigmaHat) * ratio);
    [x, next] = [next, x];
    yield madeWhenSeen({ step: i + 1, steps, sigma, sigmaNext, x }, x0);
  }
}

/** Raises `x` from σ to σ̂ = σ(1 + γ) by adding noise, in place; returns σ̂. */
export function churn(
  x: Float32Array,
  sigma: number,
  steps: number,
  { sChurn = 0, sTmin = 0, sTmax = Number.POSITIVE_INFINITY, sNoise = 1 }: ChurnOptions,
  noise: (sigma: number, sigmaNext: number) => Float32Array,
): number {
  const gamma = sigma >= sTmin && sigma <= sTmax ? Math.min(sChurn / steps, Math.SQRT2 - 1) : 0;
  if (gamma <= 0) return sigma;
  const sigmaHat = sigma * (1 + gamma);
  blend2(x, 1, x, sNoise * Math.sqrt(sigmaHat ** 2 - sigma ** 2), noise(sigma, sigmaHat));
  return sigmaHat;
}
