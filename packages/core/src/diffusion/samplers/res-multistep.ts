import { blend } from "../blend.ts";
import { begin, type SamplerInput, type SamplerStep } from "../sampler.ts";
import { type AncestralOptions, ancestralStep } from "./ancestral.ts";
import { exponentialStep } from "./exponential-step.ts";

/**
 * RES, refined exponential solver, second-order multistep: Zhang et al. 2023 (https://arxiv.org/abs/2308.02157), in t = −log σ. `eta` is 0
 * unless given.
 */
export async function* res_multistep(input: SamplerInput<AncestralOptions>): AsyncGenerator<SamplerStep, void, void> {
  const { model, x, sigmas, steps, space, noise, options } = begin(input, ["ve", "flow"]);
  const { eta = 0, sNoise = 1 } = options;
  let previous: Float32Array | undefined;
  let previousDown = 0;
  for (let i = 0; i < steps; i++) {
    const sigma = sigmas[i]!;
    const sigmaNext = sigmas[i + 1]!;
    const denoised = await model(x, sigma, i);
    const { sigmaDown, sigmaUp } = ancestralStep(sigma, sigmaNext, eta, "ve");
    const h = Math.log(sigma) - Math.log(sigmaDown);
    // −c2·h is the way from where the last step landed back to where it was called from.
    const c2 = (Math.log(previousDown) - Math.log(sigmas[i - 1]!)) / h;
    if (!previous || sigmaDown === 0 || h === 0 || c2 === 0) exponentialStep(x, space, x, denoised, sigma, sigmaDown);
    else {
      const phi1 = -Math.expm1(-h) / h;
      const phi2 = (phi1 - 1) / -h;
      blend(x, [sigmaDown / sigma, h * (phi1 - phi2 / c2), (h * phi2) / c2], [x, denoised, previous]);
    }
    if (sigmaUp > 0) blend(x, [1, sNoise * sigmaUp], [x, noise(sigma, sigmaNext)]);
    previous = denoised;
    previousDown = sigmaDown;
    yield { step: i + 1, steps, sigma, sigmaNext, x, denoised };
  }
}

/** {@link res_multistep} with ancestral noise: `eta` is 1 unless given. */
export function res_multistep_ancestral(
  input: SamplerInput<AncestralOptions>,
): AsyncGenerator<SamplerStep, void, void> {
  return res_multistep({ ...input, options: { eta: 1, ...input.options } });
}
