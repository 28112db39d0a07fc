import type { Tensor } from "onnxruntime-node";
import type { ControlInput } from "../../adapters/control/control-input.ts";
import { type TransformerControls, transformerControls } from "../../adapters/control/transformer-controls.ts";
import { sd3ControlNetConfig } from "../../networks/sd3-controlnet/sd3-controlnet-config.ts";
import type { Codec, FamilyJob, OpenModel } from "../family.ts";

/**
 * What control pictures add to Stable Diffusion 3. InstantX's ControlNets see zeros for the text as a whole, and latents without the VAE's shift. The
 * reference draws these by a generator that no seed sets; here they are the middle.
 */
export function sd3Controls(
  model: OpenModel,
  job: FamilyJob,
  codec: Codec,
  signal: AbortSignal,
): Promise<TransformerControls | undefined> {
  const { shiftFactor = 0, scalingFactor } = model.model.traits;
  const { Tensor: Made } = model.runtime;
  const isPlain = ({ source }: ControlInput) => sd3ControlNetConfig(source.config).force_zeros_for_pooled_projection;
  const unshifted = (latent: Float32Array) => latent.map((value) => value + shiftFactor * scalingFactor);
  const zerosAs = ({ dims, size }: Tensor) => new Made("float32", new Float32Array(size), dims);
  return transformerControls(
    model,
    job,
    {
      ...{ codec, middle: true },
      shown: (latent, control) => ({ data: isPlain(control) ? unshifted(latent) : latent, dims: [1, ...job.dims] }),
      feeds: (feeds, control) => (isPlain(control) ? { ...feeds, pooled: zerosAs(feeds.pooled!) } : feeds),
    },
    signal,
  );
}
