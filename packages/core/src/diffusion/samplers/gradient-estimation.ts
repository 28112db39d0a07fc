import { blend } from "../blend.ts";
import { begin, type SamplerInput, type SamplerStep } from "../sampler.ts";
import { derivative } from "./derivative.ts";

/** What {@link gradient_estimation} takes. */
export interface GradientEstimationOptions {
  /** γ: 1 is Euler, 2 unless given. */
  gamma?: number;
}

/** Gradient estimation: Algorithm 2 of Permenter & Yuan 2023 (https://arxiv.org/abs/2306.04848): Euler steps along γ·d + (1 − γ)·d_old. */
export async function* gradient_estimation(
  input: SamplerInput<GradientEstimationOptions>,
): AsyncGenerator<SamplerStep, void, void> {
  const { model, x, sigmas, steps, space, options } = begin(input, ["ve", "flow"]);
  const { gamma = 2 } = options;
  let d = new Float32Array(x.length);
  let old = new Float32Array(x.length);
  for (let i = 0; i < steps; i++) {
    const sigma = sigmas[i]!;
    const sigmaNext = sigmas[i + 1]!;
    const denoised = await model(x, sigma, i);
    derivative(d, space, x, denoised, sigma);
    const dt = sigmaNext - sigma;
    if (sigmaNext === 0) x.set(denoised);
    else if (i === 0) blend(x, [1, dt], [x, d]);
    else blend(x, [1, dt * gamma, dt * (1 - gamma)], [x, d, old]);
    [d, old] = [old, d];
    yield { step: i + 1, steps, sigma, sigmaNext, x, denoised };
  }
}
