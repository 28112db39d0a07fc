import type { Network } from "../prediction.ts";
import type { Guidance } from "./guidance.ts";

/** The passes of one network that guidance combines. */
export interface GuidedPasses {
  /** With the prompt. */
  cond: Network;
  /** With the negative (or no) prompt. */
  uncond?: Network;
  /** With the prompt and perturbed attention. */
  perturbed?: Network;
}

/** A network that runs the passes a step needs, and no others, and combines them. */
export function guidedNetwork(guidance: Guidance, { cond, uncond, perturbed }: GuidedPasses): Network {
  return async (input, timestep, index) => {
    const negative = guidance.needsUncond(index) && uncond ? await uncond(input, timestep, index) : undefined;
    const altered = guidance.needsPerturbed(index) && perturbed ? await perturbed(input, timestep, index) : undefined;
    return guidance.combine(index, await cond(input, timestep, index), negative, altered);
  };
}
