import {
  buildQwenVaeDecoder,
  buildQwenVaeEncoder,
  buildQwenVaeTail,
  buildQwenVaeTrunk,
  qwenVaeCuts,
} from "../../networks/autoencoder-kl-qwen-image/autoencoder-kl-qwen-image.ts";
import { qwenVaeConfig } from "../../networks/autoencoder-kl-qwen-image/autoencoder-kl-qwen-image-config.ts";
import type { Codec, NetworkRule } from "../family.ts";
import { codecByChannel } from "./codec-by-channel.ts";
import { wanColours } from "./latent-colours.ts";

/** The networks of Qwen-Image's VAE. */
export const qwenVaeNetworks = {
  vaeDecoder: { part: "vae", build: buildQwenVaeDecoder },
  vaeEncoder: { part: "vae", build: buildQwenVaeEncoder },
} as const satisfies Record<string, NetworkRule>;

/** Pictures to latents and back through Qwen-Image's VAE. */
export const qwenVaeCodec: Codec = codecByChannel(qwenVaeConfig, 3, wanColours, {
  trunk: buildQwenVaeTrunk,
  tail: buildQwenVaeTail,
  cuts: qwenVaeCuts,
});
