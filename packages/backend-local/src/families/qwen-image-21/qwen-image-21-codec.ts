import {
  buildQwenVae21Decoder,
  buildQwenVae21Encoder,
  buildQwenVae21Tail,
  buildQwenVae21Trunk,
  qwenVae21Cuts,
} from "../../networks/autoencoder-kl-qwen-image-21/autoencoder-kl-qwen-image-21.ts";
import { qwenVae21Config } from "../../networks/autoencoder-kl-qwen-image-21/autoencoder-kl-qwen-image-21-config.ts";
import type { Codec, NetworkRule } from "../family.ts";
import { codecByChannel } from "../shared/codec-by-channel.ts";
import { qwenImage21Colours } from "./qwen-image-21-colours.ts";

/** The networks of Qwen-Image 2.1's VAE. */
export const qwenVae21Networks = {
  vaeDecoder: { part: "vae", build: buildQwenVae21Decoder },
  vaeEncoder: { part: "vae", build: buildQwenVae21Encoder },
} as const satisfies Record<string, NetworkRule>;

/** Pictures with transparency to latents and back. */
export const qwenVae21Codec: Codec = codecByChannel(qwenVae21Config, 4, qwenImage21Colours, {
  trunk: buildQwenVae21Trunk,
  tail: buildQwenVae21Tail,
  cuts: qwenVae21Cuts,
});
