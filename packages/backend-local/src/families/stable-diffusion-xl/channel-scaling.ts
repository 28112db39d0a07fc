import type { ModelPart } from "../../models/model.ts";
import { unsupported } from "../shared/config-check.ts";
import { type LatentScaling, scaledBy, scaledByChannel } from "../shared/kl-codec.ts";
import { vaeScaling } from "../shared/vae-shape.ts";

/** How latents are scaled: by one factor, and where the VAE's config has `latents_mean` and `latents_std`, by channel. @throws ModelError */
export function channelScaling(vae: ModelPart, channels: number): LatentScaling {
  const factor = vaeScaling(vae);
  const { latents_mean: means, latents_std: stds } = vae.config;
  if (means == null || stds == null) return scaledBy(factor);
  for (const [option, values] of Object.entries({ latents_mean: means, latents_std: stds })) {
    const fits = Array.isArray(values) && values.length === channels && values.every(Number.isFinite);
    if (!fits || (option === "latents_std" && values.includes(0)))
      throw unsupported(vae)(option, `must be ${channels} numbers, one for each channel of a latent`);
  }
  return scaledByChannel(factor, means as number[], stds as number[]);
}
