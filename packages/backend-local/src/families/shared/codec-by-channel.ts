import { partOf } from "../../models/model.ts";
import { toPixels } from "../../pipeline/image-tensor.ts";
import type { Codec, OpenModel } from "../family.ts";
import { type BandedVae, decodeInBands, decoderMemory } from "./banded-vae.ts";
import { drawn, scaledByChannel } from "./kl-codec.ts";
import { colourPicture, type LatentColours } from "./latent-colours.ts";

/** What a VAE's config says of its latents. */
type Statistics = (config: unknown) => { latents_mean: readonly number[]; latents_std: readonly number[] };

/**
 * Pictures of three colours, or with transparency, to latents and back by a VAE for films, run for one moment: its latents are normalised channel by channel.
 * Previews by the latents' `colours`, where there are as many.
 */
export function codecByChannel(
  statistics: Statistics,
  channels: 3 | 4,
  colours: LatentColours,
  banded: BandedVae,
): Codec {
  const scaling = ({ model }: OpenModel) => {
    const { latents_mean, latents_std } = statistics(partOf(model, "vae").config);
    return scaledByChannel(1, latents_mean, latents_std);
  };
  const codec: Codec = {
    async encode(model, { width, height, data: planes }, signal) {
      const encoder = await model.network("vaeEncoder");
      // Nothing shines through a picture without transparency.
      const all =
        planes.length === channels * width * height ? planes : new Float32Array(channels * width * height).fill(1);
      if (all !== planes) all.set(planes);
      const tensor = new model.runtime.Tensor("float32", all, [1, channels, height, width]);
      const { data } = await encoder.run({ sample: tensor }, "moments", signal);
      return data as Float32Array;
    },

    draw: (model, distribution, randn) => scaling(model).toLatent(drawn(distribution, randn)),

    memory: ({ model }, dims, half) => decoderMemory(model, banded, dims, half),

    async decode(model, latent, dims, signal, onProgress) {
      const { scale } = model.model.traits;
      const [depth, height, width] = dims;
      const input = scaling(model).fromLatent(latent);
      const bands = await decodeInBands(model, banded, input, dims, { signal, onProgress });
      if (bands !== undefined) return toPixels(bands, width * scale, height * scale, channels);
      const decoder = await model.network("vaeDecoder");
      const tensor = new model.runtime.Tensor("float32", input, [1, depth, height, width]);
      const { data } = await decoder.run({ latent_sample: tensor }, "sample", signal);
      return toPixels(data as Float32Array, width * scale, height * scale, channels);
    },

    preview: async (model, latent, dims, signal) =>
      dims[0] === colours.factors.length
        ? colourPicture(latent, dims, colours)
        : codec.decode(model, latent, dims, signal),
  };
  return codec;
}
