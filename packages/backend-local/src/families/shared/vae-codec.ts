import { partOf } from "../../models/model.ts";
import { toPixels } from "../../pipeline/image-tensor.ts";
import type { Codec, LatentDims, OpenModel } from "../family.ts";
import { type BandedVae, decodeInBands, decoderMemory } from "./banded-vae.ts";
import { klCodec, type LatentScaling } from "./kl-codec.ts";
import { colourPicture, type LatentColours } from "./latent-colours.ts";
import { isTinyVae } from "./vae-shape.ts";

/**
 * Pictures to latents and back through a model's VAE, of whichever class it is; previews through its `previewVae`, where it has one, else by
 * the latents' `colours`, where they are known.
 */
export function vaeCodec(scalingOf: (model: OpenModel) => LatentScaling, colours?: LatentColours): Codec {
  const [kl, tiny] = [klCodec(scalingOf), plainCodec(scalingOf)];
  const of = ({ model }: OpenModel) => (isTinyVae(partOf(model, "vae").config) ? tiny : kl);
  return {
    check: (model, ...rest) => of(model).check?.(model, ...rest),
    memory: ({ model }, ...rest) =>
      isTinyVae(partOf(model, "vae").config) ? undefined : kl.memory!({ model }, ...rest),
    encode: (model, ...rest) => of(model).encode(model, ...rest),
    draw: (model, ...rest) => of(model).draw(model, ...rest),
    decode: (model, ...rest) => of(model).decode(model, ...rest),
    async preview(model, latent, dims, signal) {
      if (model.model.parts.previewVae !== undefined) return decodePlain(model, "previewDecoder", latent, dims, signal);
      return colours?.factors.length === dims[0]
        ? colourPicture(latent, dims, colours)
        : of(model).decode(model, latent, dims, signal);
    },
  };
}

/**
 * Through a VAE that knows no distributions (an AutoencoderTiny, an AutoencoderDC), in whose place no random number is drawn. What it makes of a picture has
 * the form of a distribution of no width, for those who look at the middle of one.
 */
export function plainCodec(scalingOf: (model: OpenModel) => LatentScaling, banded?: BandedVae): Codec {
  return {
    memory: ({ model }, dims, half) => banded && decoderMemory(model, banded, dims, half),
    async encode(model, { width, height, data: planes }, signal) {
      const encoder = await model.network("vaeEncoder");
      const tensor = new model.runtime.Tensor("float32", planes, [1, 3, height, width]);
      const { data } = await encoder.run({ sample: tensor }, "latents", signal);
      const distribution = new Float32Array(2 * data.length).fill(Number.NEGATIVE_INFINITY);
      distribution.set(data as Float32Array);
      return distribution;
    },
    draw: (model, distribution) => scalingOf(model).toLatent(distribution.subarray(0, distribution.length / 2)),
    async decode(model, latent, dims, signal, onProgress) {
      const own = scalingOf(model).fromLatent(latent);
      const { scale } = model.model.traits;
      const bands = banded && (await decodeInBands(model, banded, own, dims, { signal, onProgress }));
      return bands === undefined
        ? decodePlain(model, "vaeDecoder", own, dims, signal)
        : toPixels(bands, dims[2] * scale, dims[1] * scale);
    },
  };
}

async function decodePlain(
  model: OpenModel,
  network: string,
  latent: Float32Array,
  [channels, height, width]: LatentDims,
  signal: AbortSignal,
) {
  const { scale } = model.model.traits;
  const decoder = await model.network(network);
  const tensor = new model.runtime.Tensor("float32", latent, [1, channels, height, width]);
  const { data } = await decoder.run({ latent_sample: tensor }, "sample", signal);
  return toPixels(data as Float32Array, width * scale, height * scale);
}
