import type { Pixels } from "@latentkit/core";
import { maskedPicture, toLatentMask } from "../../pipeline/image-tensor.ts";
import type { Beside, Codec, FamilyJob, OpenModel } from "../family.ts";

/** What an inpainting UNet sees beside the latent: the mask, and the latent of the picture without what it covers. */
export async function inpaintChannels(
  model: OpenModel,
  codec: Codec,
  { inputs }: FamilyJob,
  signal: AbortSignal,
): Promise<Beside> {
  const [image, mask] = [inputs.image as Pixels, inputs.mask as Pixels];
  const seen = toLatentMask(mask, model.model.traits.scale);
  const distribution = await codec.encode(model, maskedPicture(image, mask), signal);
  return {
    drawn: "after noise",
    draw(randn) {
      const masked = codec.draw(model, distribution, randn);
      const channels = new Float32Array(seen.length + masked.length);
      channels.set(seen);
      channels.set(masked, seen.length);
      return channels;
    },
  };
}
