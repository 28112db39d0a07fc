import { cfg, type Network as DenoisingNetwork } from "@latentkit/core/diffusion";
import type { Network } from "../engine/network.ts";
import type { Runtime } from "../engine/runtime.ts";
import type { TextStates } from "./encode-prompt.ts";

/** A latent's `[channels, height, width]`. */
export type LatentDims = readonly [channels: number, height: number, width: number];

/** What a guided UNet needs. */
export interface GuidedUnetOptions {
  unet: Network;
  runtime: Runtime;
  states: TextStates;
  dims: LatentDims;
  guidanceScale: number;
  signal: AbortSignal;
}

/**
 * The UNet with its text as the sampler calls it. With guidance both texts go through in one run; the buffers that go in
 * are made once, and the result is onnxruntime's own.
 */
export function guidedUnet(options: GuidedUnetOptions): DenoisingNetwork {
  const { unet, runtime, states, dims, guidanceScale, signal } = options;
  const { Tensor } = runtime;
  const batch = states.dims[0]!;
  const n = dims[0] * dims[1] * dims[2];
  const sample = new Float32Array(batch * n);
  const timestep = new Float32Array(1);
  const feeds = {
    sample: new Tensor("float32", sample, [batch, ...dims]),
    timestep: new Tensor("float32", timestep, [1]),
    encoder_hidden_states: new Tensor("float32", states.data, states.dims),
  };
  return async (input, t) => {
    for (let i = 0; i < batch; i++) sample.set(input, i * n);
    timestep[0] = t;
    const { data } = await unet.run(feeds, "out_sample", signal);
    const output = data as Float32Array;
    return batch === 1 ? output : cfg(output.subarray(0, n), output.subarray(n), guidanceScale);
  };
}
