import type { ModelPart } from "../../models/model.ts";
import type { UNetConfig } from "../../networks/unet-2d-condition/unet-2d-condition-config.ts";
import type { Traits } from "../traits.ts";
import { sampleSize, unsupported } from "./config-check.ts";
import type { VaeShape } from "./vae-shape.ts";

/** Largest side in pixels: there the VAE takes 9 GB in stripes, and each step of the UNet minutes. */
const largestSide = 4096;

/** What a VAE and a UNet take and make, each with its part. */
export interface VaeAndUnet {
  vae: ModelPart;
  unet: ModelPart;
  autoencoder: VaeShape;
  net: UNetConfig;
}

/** Sizes of pictures that a VAE and a UNet make together. @throws ModelError where they make none. */
export function pictureSizes({
  vae,
  unet,
  autoencoder,
  net,
}: VaeAndUnet): Pick<
  Traits,
  "scale" | "multipleOf" | "minSide" | "maxSide" | "defaultWidth" | "defaultHeight" | "latentChannels"
> {
  for (const option of ["in_channels", "out_channels"] as const) {
    if (autoencoder[option] !== 3)
      throw unsupported(vae)(option, `is ${autoencoder[option]}; pictures have 3 channels`);
  }
  const scale = 2 ** (autoencoder.levels - 1);
  const deepest = 2 ** (net.levels.length - 1);
  const minSide = Math.max(8, scale * deepest);
  const maxSide = largestSide - (largestSide % scale);
  if (minSide > maxSide)
    throw unsupported(vae)(
      "block_out_channels",
      `makes pictures of ${minSide} pixels and more; at most ${largestSide} work`,
    );
  const [height, width] = sampleSize(unet, Math.floor(maxSide / scale));
  return {
    scale,
    multipleOf: scale,
    minSide,
    maxSide,
    defaultWidth: Math.max(minSide, width * scale),
    defaultHeight: Math.max(minSide, height * scale),
    latentChannels: autoencoder.latent_channels,
  };
}
