import type { Pixels } from "@latentkit/core";
import { type TransformerControls, transformerControls } from "../../adapters/control/transformer-controls.ts";
import { zImageControlNetConfig } from "../../networks/z-image-controlnet/z-image-controlnet-config.ts";
import { maskedPicture, toLatentMask } from "../../pipeline/image-tensor.ts";
import type { Codec, Denoiser, FamilyJob, OpenModel } from "../family.ts";
import { toPatches } from "../shared/latent-patches.ts";
import { withPadding } from "./z-image-sequence.ts";

/** What control pictures add to Z-Image, and what of its denoising they change. */
export interface ZImageControls extends Pick<TransformerControls, "added"> {
  readonly denoiser: Pick<Denoiser, "beside" | "blends">;
}

/**
 * ControlNets from 2.0 on see more than the control picture: in inpainting what is kept (1) and the picture without the rest, so that nothing needs to
 * be blended; else zeros.
 */
export async function zImageControls(
  model: OpenModel,
  job: FamilyJob,
  codec: Codec,
  signal: AbortSignal,
): Promise<ZImageControls | undefined> {
  const [channels, height, width] = job.dims;
  const { controls: inputs = [], image, mask } = job.inputs;
  const channelsOf = ({ source }: (typeof inputs)[number]) => zImageControlNetConfig(source.config).control_in_dim;
  const fills = mask !== undefined && image !== undefined && inputs.some((each) => channelsOf(each) > channels);
  const beside = fills ? await keptPicture(model, codec, image, mask, signal) : undefined;
  const shown = (latent: Float32Array, control: (typeof inputs)[number]) => {
    const all = channelsOf(control);
    const planes = new Float32Array(all * height * width);
    planes.set(latent);
    if (beside !== undefined && all > channels) planes.set(beside, latent.length);
    const data = toPatches(planes, [all, height, width], "squares first");
    return withPadding({ data, dims: [1, (height * width) / 4, 4 * all] });
  };
  const controls = await transformerControls(model, job, { codec, middle: true, shown }, signal);
  if (controls === undefined) return undefined;
  const { added, beside: drawn } = controls;
  return { added, denoiser: { beside: drawn, ...(fills ? { blends: false } : {}) } };
}

/** Where a latent is kept, and the latent of the picture without the rest. */
async function keptPicture(model: OpenModel, codec: Codec, image: Pixels, mask: Pixels, signal: AbortSignal) {
  const kept = toLatentMask(mask, model.model.traits.scale).map((value) => 1 - value);
  const distribution = await codec.encode(model, maskedPicture(image, mask), signal);
  const picture = codec.draw(model, distribution, (n) => new Float32Array(n));
  const all = new Float32Array(kept.length + picture.length);
  all.set(kept);
  all.set(picture, kept.length);
  return all;
}
