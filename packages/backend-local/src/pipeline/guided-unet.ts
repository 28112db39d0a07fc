import type { Network as DenoisingNetwork, Guidance, GuidedNetwork } from "@latentkit/core/diffusion";
import type { Network } from "../engine/network.ts";
import type { Runtime } from "../engine/runtime.ts";
import type { TextStates } from "./encode-prompt.ts";

/** A latent's `[channels, height, width]`. */
export type LatentDims = readonly [channels: number, height: number, width: number];

/** What a UNet with its texts needs. */
export interface UnetOptions {
  unet: Network;
  /** Whether it is a UNet with perturbed attention. */
  perturbs?: boolean;
  runtime: Runtime;
  states: TextStates;
  dims: LatentDims;
  signal: AbortSignal;
}

/**
 * Runs the UNet on one latent with the last `texts` of the texts; gives an output `[channels, height, width]` for each, and
 * after these, where `perturbed`, the last text's with perturbed attention.
 */
export type TextedUnet = (
  input: Float32Array,
  timestep: number,
  texts: 1 | 2,
  perturbed?: boolean,
) => Promise<Float32Array[]>;

/** A UNet with its texts: its buffers are made once, and all passes of a step go through in one run. */
export function textedUnet({ unet, perturbs = false, runtime, states, dims, signal }: UnetOptions): TextedUnet {
  const { Tensor } = runtime;
  const [available, ...textDims] = states.dims as [number, ...number[]];
  const n = dims[0] * dims[1] * dims[2];
  const perText = states.data.length / available;
  const sample = new Float32Array(available * n);
  const timestep = new Float32Array(1);
  const time = new Tensor("float32", timestep, [1]);
  const again = new BigInt64Array(1);
  const perturbation = perturbs ? { perturbed: new Tensor("int64", again, [1]) } : {};
  const feedsOf = (texts: number) => ({
    sample: new Tensor("float32", sample.subarray(0, texts * n), [texts, ...dims]),
    timestep: time,
    encoder_hidden_states: new Tensor("float32", states.data.subarray((available - texts) * perText), [
      texts,
      ...textDims,
    ]),
    ...perturbation,
  });
  const feeds = Array.from({ length: available }, (_, i) => feedsOf(i + 1));
  return async (input, t, texts, perturbed = false) => {
    for (let i = 0; i < texts; i++) sample.set(input, i * n);
    timestep[0] = t;
    again[0] = perturbed ? 1n : 0n;
    const { data } = await unet.run(feeds[texts - 1]!, "out_sample", signal);
    return Array.from({ length: perturbed ? texts + 1 : texts }, (_, i) =>
      (data as Float32Array).subarray(i * n, (i + 1) * n),
    );
  };
}

/** The network that a sampler is given: the unconditional and the perturbed pass are made only in the steps that need them. */
export function guidedUnet(unet: TextedUnet, guidance: Guidance): GuidedNetwork {
  let last: Float32Array = new Float32Array(0);
  const network: DenoisingNetwork = async (input, timestep, index) => {
    const needsPerturbed = guidance.needsPerturbed(index, timestep);
    if (!guidance.needsUncond(index)) {
      const [cond, perturbed] = await unet(input, timestep, 1, needsPerturbed);
      last = cond!;
      return guidance.combine(index, cond!, undefined, perturbed, timestep);
    }
    const [uncond, cond, perturbed] = await unet(input, timestep, 2, needsPerturbed);
    last = uncond!;
    return guidance.combine(index, cond!, uncond, perturbed, timestep);
  };
  return Object.assign(network, { uncond: () => last });
}
