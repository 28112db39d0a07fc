import type { AutoencoderKLConfig } from "./autoencoder-kl-config.ts";

/** What comes before a residual block: it doubles height and width, or takes the picture in. */
export interface EnterLayer {
  kind: "enter";
  how: "upsample" | "conv_in";
  /** Name of its module. */
  path: string;
  from: number;
  to: number;
}

/** A residual block. */
export interface ResnetLayer {
  kind: "resnet";
  path: string;
  from: number;
  to: number;
}

/** Halves height and width. */
export interface DownLayer {
  kind: "down";
  path: string;
  from: number;
  to: number;
}

/** The end of the decoder: a picture. */
export interface HeadLayer {
  kind: "head";
  path: string;
  from: number;
  to: number;
}

/** A layer of an AutoencoderKL that can be run in stripes of rows: all but those of the latent's own size. */
export type StripeLayer = EnterLayer | ResnetLayer | DownLayer | HeadLayer;

/** The decoder's layers from the first that is larger than a latent, in order. */
export function decoderLayers({
  block_out_channels: levels,
  layers_per_block: depth,
  out_channels,
}: AutoencoderKLConfig) {
  const layers: StripeLayer[] = [];
  let from = levels.at(-1)!;
  for (const [i, to] of levels.toReversed().entries()) {
    if (i === 0) continue;
    layers.push({ kind: "enter", how: "upsample", path: `decoder.up_blocks.${i - 1}.upsamplers.0`, from, to: from });
    for (let j = 0; j <= depth; j++) {
      layers.push({ kind: "resnet", path: `decoder.up_blocks.${i}.resnets.${j}`, from, to });
      from = to;
    }
  }
  return [...layers, { kind: "head", path: "decoder", from, to: out_channels } as const];
}

/** The encoder's layers to the last that is larger than a latent, in order. */
export function encoderLayers({
  block_out_channels: levels,
  layers_per_block: depth,
  in_channels,
}: AutoencoderKLConfig) {
  const layers: StripeLayer[] = [
    { kind: "enter", how: "conv_in", path: "encoder.conv_in", from: in_channels, to: levels[0]! },
  ];
  let from = levels[0]!;
  for (const [i, to] of levels.slice(0, -1).entries()) {
    for (let j = 0; j < depth; j++) {
      layers.push({ kind: "resnet", path: `encoder.down_blocks.${i}.resnets.${j}`, from, to });
      from = to;
    }
    layers.push({ kind: "down", path: `encoder.down_blocks.${i}.downsamplers.0`, from, to });
  }
  return layers;
}
