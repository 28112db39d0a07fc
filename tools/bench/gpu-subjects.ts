import type { Weights } from "../../packages/backend-local/src/files/weights.ts";
import { buildVaeDecoder } from "../../packages/backend-local/src/networks/autoencoder-kl/autoencoder-kl.ts";
import type { NetworkGraph } from "../../packages/backend-local/src/networks/network-graph.ts";
import { buildUNet } from "../../packages/backend-local/src/networks/unet-2d-condition/unet-2d-condition.ts";
import { type PublishedUnet, sd15, sdxl } from "./published-unets.ts";

/** A network that gpu.ts runs, of a published size and random weights. */
export interface GpuSubject {
  readonly name: string;
  readonly config: Readonly<Record<string, unknown>>;
  /** Latent sides, and floating-point operations of one sample at the first of them, where they are known. */
  readonly sides: readonly number[];
  readonly flops?: number;
  /** Inputs beside the latent, of one sample; `timestep` is one for all. */
  readonly inputs: Readonly<Record<string, readonly number[]>>;
  readonly latent: { readonly name: string; readonly channels: number };
  readonly output: string;
  build(weights: Weights): NetworkGraph;
}

function unet({ name, config, flops, side, inputs }: PublishedUnet, sides: readonly number[]): GpuSubject {
  const timed = { ...inputs, timestep: [1] };
  const own = { name, config, sides, inputs: timed, latent: { name: "sample", channels: 4 }, output: "out_sample" };
  return { ...own, ...(side === sides[0] ? { flops } : {}), build: (weights) => buildUNet(config, weights) };
}

function vae(name: string, channels: readonly number[], sides: readonly number[]): GpuSubject {
  const config = {
    block_out_channels: channels,
    down_block_types: channels.map(() => "DownEncoderBlock2D"),
    up_block_types: channels.map(() => "UpDecoderBlock2D"),
    layers_per_block: 2,
  };
  const latent = { name: "latent_sample", channels: 4 };
  return {
    name,
    config,
    sides,
    inputs: {},
    latent,
    output: "sample",
    build: (weights) => buildVaeDecoder(config, weights),
  };
}

/** At pictures of 512×512 and 1024×1024. */
export const published: readonly GpuSubject[] = [
  unet(sd15, [64, 128]),
  vae("sd-vae", [128, 256, 512, 512], [64, 128]),
  unet(sdxl, [128, 64]),
];

const tiny = {
  cross_attention_dim: 64,
  block_out_channels: [32, 64, 64, 64],
  attention_head_dim: 4,
  norm_num_groups: 16,
};

/** The same shapes, small: for trying the script itself. */
export const small: readonly GpuSubject[] = [
  unet(
    {
      name: "small-unet",
      config: tiny,
      parameters: 0,
      flops: 0,
      side: 0,
      inputs: { encoder_hidden_states: [1, 77, 64] },
    },
    [16],
  ),
  vae("small-vae", [32, 32], [16]),
];
