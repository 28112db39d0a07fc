import type { ModelPart } from "../../models/model.ts";
import { autoencoderDCConfig } from "../../networks/autoencoder-dc/autoencoder-dc-config.ts";
import { autoencoderKLConfig } from "../../networks/autoencoder-kl/autoencoder-kl-config.ts";
import { qwenVaeConfig } from "../../networks/autoencoder-kl-qwen-image/autoencoder-kl-qwen-image-config.ts";
import { qwenVae21Config } from "../../networks/autoencoder-kl-qwen-image-21/autoencoder-kl-qwen-image-21-config.ts";
import { autoencoderTinyConfig } from "../../networks/autoencoder-tiny/autoencoder-tiny-config.ts";
import { parsed, scalingFactorOf } from "./config-check.ts";

/** Classes that a VAE part can be of. */
export const vaeClasses: readonly string[] = ["AutoencoderKL", "AutoencoderTiny"];

/** Whether a VAE is a tiny one (TAESD), which works with the network's own latents and draws none. */
export function isTinyVae(config: unknown): boolean {
  return (config as { _class_name?: unknown })._class_name === "AutoencoderTiny";
}

/** What a VAE's config says about its pictures and latents. */
export interface VaeShape {
  in_channels: number;
  out_channels: number;
  latent_channels: number;
  /** Halvings of a picture's side, and one. */
  levels: number;
}

/** @throws ModelError naming the file and the option. */
export function vaeShape(vae: ModelPart): VaeShape {
  if (vae.config._class_name === "AutoencoderKLQwenImage") {
    const { input_channels: channels, z_dim, dim_mult } = parsed(vae, qwenVaeConfig);
    return { in_channels: channels, out_channels: channels, latent_channels: z_dim, levels: dim_mult.length };
  }
  if (vae.config._class_name === "AutoencoderKLQwenImage21") {
    const config = parsed(vae, qwenVae21Config);
    return { ...config, latent_channels: config.z_dim, levels: config.dim_mult.length };
  }
  if (vae.config._class_name === "AutoencoderDC") {
    const config = parsed(vae, autoencoderDCConfig);
    return { ...config, levels: config.encoder.length };
  }
  if (!isTinyVae(vae.config)) {
    const config = parsed(vae, autoencoderKLConfig);
    return { ...config, levels: config.block_out_channels.length };
  }
  const config = parsed(vae, autoencoderTinyConfig);
  return { ...config, levels: config.num_decoder_blocks.length };
}

/** What latents are multiplied by: diffusers' default is Stable Diffusion 1's, or none for a tiny VAE. @throws ModelError */
export function vaeScaling(vae: ModelPart): number {
  return scalingFactorOf(vae, isTinyVae(vae.config) ? 1 : 0.18215);
}
