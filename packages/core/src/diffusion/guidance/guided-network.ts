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

/** A network made of the passes that a step needs. */
export interface GuidedNetwork extends Network {
  /** The unconditional output of the last call: what a CFG++ sampler needs (`PlanRun.uncond`). */
  uncond(): Float32Array;
}

/** A network that runs the passes a step needs, and no others, and combines them. */
export function guidedNetwork(guidance: Guidance, { cond, uncond, perturbed }: GuidedPasses): GuidedNetwork {
  let last: Float32Array | undefined;
  const network: Network = async (input, timestep, index) => {
    last = guidance.needsUncond(index) && uncond ? await uncond(input, timestep, index) : undefined;
    const altered =
      guidance.needsPerturbed(index, timestep) && perturbed ? await perturbed(input, timestep, index) : undefined;
    const output = await cond(input, timestep, index);
    const guided = guidance.combine(index, output, last, altered, timestep);
    last ??= output;
    return guided === output ? output.slice() : guided;
  };
  return Object.assign(network, { uncond: () => last ?? new Float32Array(0) });
}
