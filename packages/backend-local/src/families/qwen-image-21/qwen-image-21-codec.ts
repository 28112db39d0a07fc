import { partOf } from "../../models/model.ts";
import {
  buildQwenVae21Decoder,
  buildQwenVae21Encoder,
} from "../../networks/autoencoder-kl-qwen-image-21/autoencoder-kl-qwen-image-21.ts";
import { qwenVae21Config } from "../../networks/autoencoder-kl-qwen-image-21/autoencoder-kl-qwen-image-21-config.ts";
import { toPixels } from "../../pipeline/image-tensor.ts";
import type { Codec, NetworkRule, OpenModel } from "../family.ts";
import { drawn, scaledByChannel } from "../shared/kl-codec.ts";

/** The networks of Qwen-Image 2.1's VAE. */
export const qwenVae21Networks = {
  vaeDecoder: { part: "vae", build: buildQwenVae21Decoder },
  vaeEncoder: { part: "vae", build: buildQwenVae21Encoder },
} as const satisfies Record<string, NetworkRule>;

function scaling({ model }: OpenModel) {
  const { latents_mean, latents_std } = qwenVae21Config(partOf(model, "vae").config);
  return scaledByChannel(1, latents_mean, latents_std);
}

/** Pictures with transparency to latents, normalised channel by channel, and back. */
export const qwenVae21Codec: Codec = {
  async encode(model, { width, height, data: planes }, signal) {
    const encoder = await model.network("vaeEncoder");
    // Nothing shines through a picture without transparency.
    const all = new Float32Array(4 * width * height).fill(1);
    all.set(planes);
    const tensor = new model.runtime.Tensor("float32", all, [1, 4, height, width]);
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
    return toPixels(data as Float32Array, width * scale, height * scale, 4);
  },
};
