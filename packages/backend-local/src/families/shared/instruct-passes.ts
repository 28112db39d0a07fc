import type { Pixels } from "@latentkit/core";
import { fromPixels } from "../../pipeline/image-tensor.ts";
import type { Beside, Codec, Denoiser, FamilyJob, OpenModel } from "../family.ts";

/** What an InstructPix2Pix UNet sees beside the latent: the middle of the picture's distribution, not scaled (but by CosXL). */
export async function pictureChannels(
  model: OpenModel,
  codec: Codec,
  { inputs }: FamilyJob,
  signal: AbortSignal,
): Promise<Beside> {
  const distribution = await codec.encode(model, fromPixels(inputs.image as Pixels), signal);
  const { index, traits } = model.model;
  const factor = index.is_cosxl_edit === true ? traits.scalingFactor : 1;
  const means = distribution.subarray(0, distribution.length / 2).map((value) => value * factor);
  return { drawn: "before noise", draw: () => means };
}

/**
 * InstructPix2Pix's guidance (https://arxiv.org/abs/2211.09800, equation 3) over three passes: neither text nor picture, the
 * picture alone, both. What the picture's scale adds is put into both outputs, so that guidance over these two is the
 * paper's. A picture's scale below 1 turns all guidance off, as in diffusers.
 */
export function instructPasses(predict: Denoiser["predict"], pictureScale: number): Denoiser["predict"] {
  return async (input, timestep, index, passes, beside) => {
    const outputs = await predict(input, timestep, index, passes, beside);
    if (!passes.uncond) return outputs;
    const [none, picture, both, ...perturbed] = outputs as [Float32Array, Float32Array, Float32Array];
    if (pictureScale < 1) return [both.slice(), both, ...perturbed];
    const more = picture.map((value, i) => (pictureScale - 1) * (value - none[i]!));
    const withMore = (output: Float32Array) => output.map((value, i) => value + more[i]!);
    return [picture, both, ...perturbed].map(withMore);
  };
}
