import { fromPixels, toPixels } from "../../pipeline/image-tensor.ts";
import type { Codec } from "../family.ts";

/**
 * Pictures to latents and back through an AutoencoderKL, whose networks are called `vaeEncoder` and `vaeDecoder`. A
 * picture's distribution is the means and the logarithms of the variances of its latent: two `[channels, height, width]` in one
 * array. A VAE's `shift_factor` is not applied: the pipelines of these families read none.
 */
export const klCodec: Codec = {
  async encode(model, picture, signal) {
    const encoder = await model.network("vaeEncoder");
    const tensor = new model.runtime.Tensor("float32", fromPixels(picture), [1, 3, picture.height, picture.width]);
    const { data } = await encoder.run({ sample: tensor }, "moments", signal);
    return data as Float32Array;
  },

  draw({ model }, moments, randn) {
    const { scalingFactor } = model.traits;
    const n = moments.length / 2;
    const noise = randn(n);
    return noise.map((value, i) => {
      const logVariance = Math.min(Math.max(moments[n + i]!, -30), 20);
      return (moments[i]! + Math.exp(0.5 * logVariance) * value) * scalingFactor;
    });
  },

  async decode(open, latent, [channels, height, width], signal) {
    const { scalingFactor, scale } = open.model.traits;
    const input = latent.map((value) => value / scalingFactor);
    const decoder = await open.network("vaeDecoder");
    const tensor = new open.runtime.Tensor("float32", input, [1, channels, height, width]);
    const { data } = await decoder.run({ latent_sample: tensor }, "sample", signal);
    return toPixels(data as Float32Array, width * scale, height * scale);
  },
};
