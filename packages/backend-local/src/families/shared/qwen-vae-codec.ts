import { partOf } from "../../models/model.ts";
import {
  buildQwenVaeDecoder,
  buildQwenVaeEncoder,
} from "../../networks/autoencoder-kl-qwen-image/autoencoder-kl-qwen-image.ts";
import { qwenVaeConfig } from "../../networks/autoencoder-kl-qwen-image/autoencoder-kl-qwen-image-config.ts";
import { toPixels } from "../../pipeline/image-tensor.ts";
import type { Codec, NetworkRule, OpenModel } from "../family.ts";
import { drawn, scaledByChannel } from "./kl-codec.ts";
import { colourPicture, wanColours } from "./latent-colours.ts";

/** The networks of Qwen-Image's VAE. */
export const qwenVaeNetworks = {
  vaeDecoder: { part: "vae", build: buildQwenVaeDecoder },
  vaeEncoder: { part: "vae", build: buildQwenVaeEncoder },
} as const satisfies Record<string, NetworkRule>;

function scaling({ model }: OpenModel) {
  const { latents_mean, latents_std } = qwenVaeConfig(partOf(model, "vae").config);
  return scaledByChannel(1, latents_mean, latents_std);
}

/** Pictures to latents and back through Qwen-Image's VAE; its latents are normalised channel by channel. */
export const qwenVaeCodec: Codec = {
  async encode(model, { width, height, data: planes }, signal) {
    const encoder = await model.network("vaeEncoder");
    const tensor = new model.runtime.Tensor("float32", planes, [1, 3, height, width]);
    const { data } = await encoder.run({ sample: tensor }, "moments", signal);
    return data as Float32Array;
  },

  draw: (model, distribution, randn) => scaling(model).toLatent(drawn(distribution, randn)),

  async decode(model, latent, [channels, height, width], signal) {
    const { scale } = model.model.traits;
    const decoder = await model.network("vaeDecoder");
    const input = scaling(model).fromLatent(latent);
    const tensor = new model.runtime.Tensor("float32", input, [1, channels, height, width]);
    const { data } = await decoder.run({ latent_sample: tensor }, "sample", signal);
    return toPixels(data as Float32Array, width * scale, height * scale);
  },

  preview: async (model, latent, dims, signal) =>
    dims[0] === wanColours.factors.length
      ? colourPicture(latent, dims, wanColours)
      : qwenVaeCodec.decode(model, latent, dims, signal),
};
