import type { Pixels } from "@latentkit/core";
import type { LoadedModel } from "../engine/loaded-model.ts";
import type { LatentDims } from "./guided-unet.ts";
import { fromPixels, toPixels } from "./image-tensor.ts";

/** The picture that a latent `[channels, height, width]` stands for. */
export async function decodeLatent(
  model: LoadedModel,
  latent: Float32Array,
  [channels, height, width]: LatentDims,
  signal: AbortSignal,
): Promise<Pixels> {
  const { scalingFactor, scale } = model.folder.shape;
  const input = latent.map((value) => value / scalingFactor);
  const decoder = await model.network("vaeDecoder");
  const tensor = new model.runtime.Tensor("float32", input, [1, channels, height, width]);
  const { data } = await decoder.run({ latent_sample: tensor }, "sample", signal);
  return toPixels(data as Float32Array, width * scale, height * scale);
}

/** Means and logarithms of the variances of a picture's latent: two `[channels, height, width]` in one array. */
export async function encodeImage(model: LoadedModel, image: Pixels, signal: AbortSignal): Promise<Float32Array> {
  const encoder = await model.network("vaeEncoder");
  const tensor = new model.runtime.Tensor("float32", fromPixels(image), [1, 3, image.height, image.width]);
  const { data } = await encoder.run({ sample: tensor }, "moments", signal);
  return data as Float32Array;
}

/** A latent drawn from the encoder's distribution: the first of an image's random numbers, as in diffusers. */
export function drawLatent(
  model: LoadedModel,
  moments: Float32Array,
  randn: (n: number) => Float32Array,
): Float32Array {
  const { scalingFactor } = model.folder.shape;
  const n = moments.length / 2;
  const noise = randn(n);
  return noise.map((value, i) => {
    const logVariance = Math.min(Math.max(moments[n + i]!, -30), 20);
    return (moments[i]! + Math.exp(0.5 * logVariance) * value) * scalingFactor;
  });
}
