import { partOf } from "../../models/model.ts";
import { buildVaeDecoderTrunk, buildVaeEncoderTrunk } from "../../networks/autoencoder-kl/autoencoder-kl.ts";
import {
  type AutoencoderKLConfig,
  autoencoderKLConfig,
  normEpsilon,
  ofDecoder,
} from "../../networks/autoencoder-kl/autoencoder-kl-config.ts";
import { decoderLayers, encoderLayers } from "../../networks/autoencoder-kl/stripe-layers.ts";
import { buildStage, type Stage, stageName } from "../../networks/autoencoder-kl/stripe-stages.ts";
import type { Planes } from "../../pipeline/image-tensor.ts";
import { type Extent, planStripes } from "../../pipeline/stripes/plan-stripes.ts";
import { runStripes } from "../../pipeline/stripes/run-stripes.ts";
import type { LatentDims, OnProgress, OpenModel } from "../family.ts";

/** How much memory there is for the values between layers, in bytes, and what ends the work early. */
export interface StripesOptions {
  budget: number;
  /** Most bytes of a stripe's widest layer. */
  stripeBytes?: number;
  onProgress?: OnProgress | undefined;
  signal: AbortSignal;
}

/**
 * A VAE's picture `[3, height, width]` of a latent in its own scale, in stripes: layer for layer over the whole picture, a few rows at a
 * time, with the group norms' moments gathered over all rows before they are used. So it is the picture that the whole decoder makes, up to
 * rounding, with no seams to hide.
 */
export async function decodeStriped(
  model: OpenModel,
  latent: Float32Array,
  [channels, height, width]: LatentDims,
  options: StripesOptions,
): Promise<Float32Array> {
  const spec = ofDecoder(specOf(model));
  const trunk = await model.assemble("vaeDecoder, trunk", "vae", buildVaeDecoderTrunk);
  const input = new model.runtime.Tensor("float32", latent, [1, channels, height, width]);
  const { data } = await trunk.run({ latent_sample: input }, "rows", options.signal);
  const start = { rows: height, width, channels: spec.block_out_channels.at(-1)! };
  const plan = planStripes(decoderLayers(spec), start, options.budget / 4);
  const { out } = plan.passes.at(-1)!;
  const picture = new Float32Array(out.rows * out.width * out.channels);
  await run(model, spec, {
    plan,
    start: data as Float32Array,
    write: (rows, from) => toPlanes(rows, from, out, picture),
    ...options,
  });
  return picture;
}

/** The moments of a picture's latent, in stripes. */
export async function encodeStriped(model: OpenModel, picture: Planes, options: StripesOptions): Promise<Float32Array> {
  const spec = specOf(model);
  const start = { rows: picture.height, width: picture.width, channels: spec.in_channels };
  const plan = planStripes(encoderLayers(spec), start, options.budget / 4);
  const main = await run(model, spec, { plan, start: fromPlanes(picture.data, start), ...options });
  const { out } = plan.passes.at(-1)!;
  const trunk = await model.assemble("vaeEncoder, trunk", "vae", buildVaeEncoderTrunk);
  const rows = main.subarray(0, out.rows * out.width * out.channels);
  const x = new model.runtime.Tensor("float32", rows, [out.rows, out.channels, out.width]);
  const { data } = await trunk.run({ x }, "moments", options.signal);
  return data as Float32Array;
}

/** The configuration of a model's VAE. */
export function specOf({ model }: OpenModel): AutoencoderKLConfig {
  return autoencoderKLConfig(partOf(model, "vae").config);
}

function run(
  model: OpenModel,
  spec: AutoencoderKLConfig,
  options: Pick<Parameters<typeof runStripes>[0], "plan" | "start" | "write" | "stripeBytes" | "onProgress" | "signal">,
): Promise<Float32Array> {
  const network = (stage: Stage) =>
    model.assemble(`vae, ${stageName(stage)}`, "vae", (config, weights) => buildStage(config, weights, stage));
  return runStripes({
    ...options,
    runtime: model.runtime,
    network,
    groups: spec.norm_num_groups,
    epsilon: normEpsilon,
  });
}

/** Rows `[channels, width]` from the row `from` on, to where they lie in planes `[channels, height, width]`. */
function toPlanes(
  rows: Float32Array,
  from: number,
  { rows: height, width, channels }: Extent,
  planes: Float32Array,
): void {
  const count = rows.length / (width * channels);
  for (let y = 0; y < count; y++)
    for (let c = 0; c < channels; c++) {
      const at = (y * channels + c) * width;
      planes.set(rows.subarray(at, at + width), (c * height + from + y) * width);
    }
}

function fromPlanes(planes: Float32Array, { rows: height, width, channels }: Extent): Float32Array {
  const rows = new Float32Array(planes.length);
  for (let y = 0; y < height; y++)
    for (let c = 0; c < channels; c++) {
      const at = (c * height + y) * width;
      rows.set(planes.subarray(at, at + width), (y * channels + c) * width);
    }
  return rows;
}
