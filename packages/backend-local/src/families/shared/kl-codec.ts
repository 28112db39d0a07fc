import { type Model, partOf } from "../../models/model.ts";
import { autoencoderKLConfig } from "../../networks/autoencoder-kl/autoencoder-kl-config.ts";
import { toPixels } from "../../pipeline/image-tensor.ts";
import type { Codec, CodecMemory, LatentDims, OpenModel } from "../family.ts";
import { decodeStriped, encodeStriped, specOf } from "./striped-kl.ts";
import { leastBytes, requireMemory, vaeBudget, wholeBytes } from "./vae-memory.ts";

/** From a VAE's own latents to the network's, and back. Both leave what they are given as it is. */
export interface LatentScaling {
  toLatent(z: Float32Array): Float32Array;
  fromLatent(latent: Float32Array): Float32Array;
}

/**
 * Pictures to latents and back through an AutoencoderKL, whose networks are called `vaeEncoder` and `vaeDecoder`. A
 * picture's distribution is the means and the logarithms of the variances of its latent: two `[channels, height, width]` in one
 * array.
 */
export function klCodec(scalingOf: (model: OpenModel) => LatentScaling): Codec {
  return {
    check(model, [, height, width], encodes) {
      const spec = specOf(model);
      requireMemory(model, spec, { half: "decoder", height, width });
      if (encodes) requireMemory(model, spec, { half: "encoder", height, width });
    },

    memory: ({ model }, dims, half) => klMemory(model, dims, half),

    async encode(model, picture, signal) {
      const { width, height, data: planes } = picture;
      const scale = scaleOf(model);
      const work = { half: "encoder", height: height / scale, width: width / scale } as const;
      const budget = await vaeBudget(model, specOf(model), work);
      if (budget !== "whole") return encodeStriped(model, picture, { budget, signal });
      const encoder = await model.network("vaeEncoder");
      const tensor = new model.runtime.Tensor("float32", planes, [1, 3, height, width]);
      const { data } = await encoder.run({ sample: tensor }, "moments", signal);
      return data as Float32Array;
    },

    draw: (model, distribution, randn) => scalingOf(model).toLatent(drawn(distribution, randn)),

    async decode(model, latent, [channels, height, width], signal, onProgress) {
      const scale = scaleOf(model);
      const input = scalingOf(model).fromLatent(latent);
      const budget = await vaeBudget(model, specOf(model), { half: "decoder", height, width });
      if (budget !== "whole") {
        const planes = await decodeStriped(model, input, [channels, height, width], { budget, signal, onProgress });
        return toPixels(planes, width * scale, height * scale);
      }
      const decoder = await model.network("vaeDecoder");
      const tensor = new model.runtime.Tensor("float32", input, [1, channels, height, width]);
      const { data } = await decoder.run({ latent_sample: tensor }, "sample", signal);
      return toPixels(data as Float32Array, width * scale, height * scale);
    },
  };
}

/** What an AutoencoderKL takes, but for an exported one and one that can't be cut. */
function klMemory(model: Model, [, height, width]: LatentDims, half: "encoder" | "decoder"): CodecMemory | undefined {
  const { weights, config } = partOf(model, "vae");
  if (weights.kind === "onnx") return undefined;
  const spec = autoencoderKLConfig(config);
  const whole = wholeBytes(spec, { half, height, width });
  const cut = spec.block_out_channels.length > 1;
  return { whole, least: cut ? Math.min(whole, leastBytes(spec, { half, height, width })) : whole };
}

/** A VAE's own latent, drawn from a picture's distribution. */
export function drawn(distribution: Float32Array, randn: (n: number) => Float32Array): Float32Array {
  const n = distribution.length / 2;
  return randn(n).map((value, i) => {
    const logVariance = Math.min(Math.max(distribution[n + i]!, -30), 20);
    return distribution[i]! + Math.exp(0.5 * logVariance) * value;
  });
}

/** Pixels to a side of the VAE's own latents. */
function scaleOf(model: OpenModel): number {
  return 2 ** (specOf(model).block_out_channels.length - 1);
}

/** `z · scaling_factor`. A VAE's `shift_factor` is not applied: Stable Diffusion's pipelines read none. */
export function scaledBy(factor: number): LatentScaling {
  return {
    toLatent: (z) => z.map((value) => value * factor),
    fromLatent: (latent) => latent.map((value) => value / factor),
  };
}

/** `(z − shift) · factor`: VAEs from Stable Diffusion 3 on. */
export function shiftedBy(shift: number, factor: number): LatentScaling {
  return {
    toLatent: (z) => z.map((value) => (value - shift) * factor),
    fromLatent: (latent) => latent.map((value) => value / factor + shift),
  };
}

/** `(z − mean) / std · scaling_factor`, by channel, as Playground 2.5 has it (https://arxiv.org/abs/2402.17245). */
export function scaledByChannel(factor: number, means: readonly number[], stds: readonly number[]): LatentScaling {
  const each = (values: Float32Array, of: (value: number, channel: number) => number) => {
    const plane = values.length / means.length;
    return values.map((value, i) => of(value, Math.floor(i / plane)));
  };
  return {
    toLatent: (z) => each(z, (value, c) => ((value - means[c]!) * factor) / stds[c]!),
    fromLatent: (latent) => each(latent, (value, c) => (value * stds[c]!) / factor + means[c]!),
  };
}
