import { blend } from "../blend.ts";
import { placesLike } from "../kernels/workspaces.ts";
import { begin, type SamplerInput, type SamplerStep } from "../sampler.ts";
import { type AncestralOptions, ancestralStep } from "./ancestral.ts";
import { type CfgPlusPlusOptions, requireUncond } from "./cfg-pp.ts";
import { exponentialStep } from "./exponential-step.ts";

/**
 * RES, refined exponential solver, second-order multistep: Zhang et al. 2023 (https://arxiv.org/abs/2308.02157), in t = −log σ. `eta` is 0
 * unless given.
 */
export async function* res_multistep(input: SamplerInput<AncestralOptions>): AsyncGenerator<SamplerStep, void, void> {
  yield* multistep(input);
}

/** {@link res_multistep} with ancestral noise: `eta` is 1 unless given. */
export function res_multistep_ancestral(
  input: SamplerInput<AncestralOptions>,
): AsyncGenerator<SamplerStep, void, void> {
  return res_multistep({ ...input, options: { eta: 1, ...input.options } });
}

/** {@link res_multistep} with CFG++ (Chung et al. 2024, https://arxiv.org/abs/2406.08070). */
export async function* res_multistep_cfg_pp(
  input: SamplerInput<CfgPlusPlusOptions>,
): AsyncGenerator<SamplerStep, void, void> {
  yield* multistep(input, requireUncond(input.options?.uncond));
}

/** {@link res_multistep_cfg_pp} with ancestral noise: `eta` is 1 unless given. */
export function res_multistep_ancestral_cfg_pp(
  input: SamplerInput<CfgPlusPlusOptions>,
): AsyncGenerator<SamplerStep, void, void> {
  return res_multistep_cfg_pp({ ...input, options: { eta: 1, ...input.options } });
}

async function* multistep(
  input: SamplerInput<AncestralOptions>,
  uncond?: () => Float32Array,
): AsyncGenerator<SamplerStep, void, void> {
  const { model, x, sigmas, steps, space, noise, options } = begin(input, ["ve", "flow"]);
  const { eta = 0, sNoise = 1 } = options;
  const [place, kept] = [placesLike(x, 2), placesLike(x, 2)];
  let previous: Float32Array | undefined;
  let previousDown = 0;
  for (let i = 0; i < steps; i++) {
    const sigma = sigmas[i]!;
    const sigmaNext = sigmas[i + 1]!;
    const denoised = await model(x, sigma, i, place());
    // With CFG++ the way back to noise is the unconditional one's, and x0 is moved by the guidance.
    const pull = uncond ? blend(kept(), [1], [uncond()]) : denoised;
    const { sigmaDown, sigmaUp } = ancestralStep(sigma, sigmaNext, eta, "ve");
    const h = Math.log(sigma) - Math.log(sigmaDown);
    // −c2·h is the way from where the last step landed back to where it was called from.
    const c2 = (Math.log(previousDown) - Math.log(sigmas[i - 1]!)) / h;
    const ratio = sigmaDown / sigma;
    if (!previous || sigmaDown === 0 || h === 0 || c2 === 0) {
      if (uncond) blend(x, [ratio, 1, -ratio], [x, denoised, pull]);
      else exponentialStep(x, space, x, denoised, sigma, sigmaDown);
    } else {
      const phi1 = -Math.expm1(-h) / h;
      const phi2 = (phi1 - 1) / -h;
      const [b1, b2] = [h * (phi1 - phi2 / c2), (h * phi2) / c2];
      if (uncond) blend(x, [ratio, ratio, b1 - ratio, b2], [x, denoised, pull, previous]);
      else blend(x, [ratio, b1, b2], [x, denoised, previous]);
    }
    if (sigmaUp > 0) blend(x, [1, sNoise * sigmaUp], [x, noise(sigma, sigmaNext)]);
    previous = pull;
    previousDown = sigmaDown;
    yield { step: i + 1, steps, sigma, sigmaNext, x, denoised };
  }
}
