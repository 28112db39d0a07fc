import type { ModelPart } from "../../models/model.ts";
import { unsupported } from "./config-check.ts";
import { flowPictures } from "./flow-pictures.ts";

/** A transformer's part and the numbers of its config that sizes depend on. */
interface Net {
  part: ModelPart;
  in_channels: number;
  joint_attention_dim: number;
}

/** Whether a transformer takes the states of these layers of its text model, side by side; `count` is how many, in words. @throws {@link ModelError} */
export function checkStates(
  { part, joint_attention_dim: own }: Net,
  text: { part: ModelPart; hidden_size: number; num_hidden_layers: number },
  states: readonly number[],
  count: string,
): void {
  const width = states.length * text.hidden_size;
  if (own !== width)
    throw unsupported(part)(
      "joint_attention_dim",
      `${own} does not match ${count} of the text encoder's states, ${width} wide`,
    );
  if (text.num_hidden_layers < states.at(-1)!)
    throw unsupported(text.part)(
      "num_hidden_layers",
      `is ${text.num_hidden_layers}; states after ${states.join(", ")} layers are needed`,
    );
}

/** Sizes of pictures over FLUX.2's VAE: the network's latents are the VAE's in blocks of 2×2, each a token. */
export function flux2Sizes(vae: ModelPart, { part, in_channels }: Net) {
  // The reference folds and normalises blocks of 2×2, whatever the option says.
  const { multipleOf, latentChannels, ...pictures } = flowPictures(vae, {
    transformer: part,
    channels: in_channels / 4,
  });
  return { ...pictures, scale: multipleOf, multipleOf, latentChannels: 4 * latentChannels, patchSize: 1 };
}
