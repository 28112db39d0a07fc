import { blend } from "../blend.ts";
import { latentLike } from "../kernels/workspaces.ts";
import { begin, type SamplerInput, type SamplerStep } from "../sampler.ts";
import { type CfgPlusPlusOptions, requireUncond } from "./cfg-pp.ts";
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
  yield* estimate(input);
}

/** {@link gradient_estimation} with CFG++ (Chung et al. 2024, https://arxiv.org/abs/2406.08070). */
export async function* gradient_estimation_cfg_pp(
  input: SamplerInput<GradientEstimationOptions & CfgPlusPlusOptions>,
): AsyncGenerator<SamplerStep, void, void> {
  yield* estimate(input, requireUncond(input.options?.uncond));
}

async function* estimate(
  input: SamplerInput<GradientEstimationOptions>,
  uncond?: () => Float32Array,
): AsyncGenerator<SamplerStep, void, void> {
  const { model, x, sigmas, steps, space, options } = begin(input, ["ve", "flow"]);
  const { gamma = 2 } = options;
  let d = latentLike(x);
  let old = latentLike(x);
  const place = latentLike(x);
  for (let i = 0; i < steps; i++) {
    const sigma = sigmas[i]!;
    const sigmaNext = sigmas[i + 1]!;
    const denoised = await model(x, sigma, i, place);
    derivative(d, space, x, uncond?.() ?? denoised, sigma);
    const dt = sigmaNext - sigma;
    const change = i === 0 ? 0 : dt * (gamma - 1);
    if (sigmaNext === 0) x.set(denoised);
    else if (uncond) blend(x, [1, sigmaNext + change, -change], [denoised, d, old]);
    else blend(x, [1, dt + change, -change], [x, d, old]);
    [d, old] = [old, d];
    yield { step: i + 1, steps, sigma, sigmaNext, x, denoised };
  }
}
