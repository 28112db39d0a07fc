import type { Network as DenoisingNetwork, Guidance, GuidedNetwork } from "@latentkit/core/diffusion";
import type { Denoiser } from "../families/family.ts";

/**
 * The network that a sampler is given, for one image: the unconditional and the perturbed pass are made only in the steps
 * that need them.
 */
export function guidedDenoiser(
  { predict, afterGuidance }: Denoiser,
  guidance: Guidance,
  beside?: Float32Array,
): GuidedNetwork {
  let last: Float32Array = new Float32Array(0);
  let call = 0;
  const network: DenoisingNetwork = async (input, timestep, index) => {
    const needs = { uncond: guidance.needsUncond(index), perturbed: guidance.needsPerturbed(index, timestep) };
    const passes = { ...needs, call: call++ };
    const outputs = await predict(input, timestep, index, passes, beside);
    const [uncond, cond, perturbed] = passes.uncond ? outputs : [undefined, ...outputs];
    last = uncond ?? cond!;
    const guided = guidance.combine(index, cond!, uncond, perturbed, timestep);
    return uncond !== undefined && afterGuidance ? afterGuidance(guided, cond!) : guided;
  };
  return Object.assign(network, { uncond: () => last });
}
