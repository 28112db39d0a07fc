import type { Pixels } from "@latentkit/core";
import { maskedPicture, toLatentMask } from "../../pipeline/image-tensor.ts";
import type { Beside, Codec, FamilyJob, OpenModel } from "../family.ts";

/**
 * What FLUX.1 Fill sees beside the latent: the latent of the picture without what the mask covers, and the mask's pixels, those of each square
 * of a latent as channels of it.
 */
export async function fillChannels(
  model: OpenModel,
  codec: Codec,
  { inputs, dims: [, height, width] }: FamilyJob,
  signal: AbortSignal,
): Promise<Beside> {
  const [image, mask] = [inputs.image as Pixels, inputs.mask as Pixels];
  const { scale } = model.model.traits;
  const pixels = toLatentMask(mask, 1);
  const squares = Float32Array.from({ length: pixels.length }, (_, i) => {
    const [channel, square] = [Math.floor(i / (height * width)), i % (height * width)];
    const [row, column] = [Math.floor(square / width), square % width];
    const [y, x] = [Math.floor(channel / scale), channel % scale];
    return pixels[(row * scale + y) * width * scale + column * scale + x]!;
  });
  const distribution = await codec.encode(model, maskedPicture(image, mask), signal);
  return {
    drawn: "after noise",
    draw(randn) {
      const masked = codec.draw(model, distribution, randn);
      const channels = new Float32Array(masked.length + squares.length);
      channels.set(masked);
      channels.set(squares, masked.length);
      return channels;
    },
  };
}
