import { type ModelParts, partOf } from "../../models/model.ts";
import { pictureSizes } from "../shared/picture-sizes.ts";
import { unetTraits } from "../shared/unet-kind.ts";
import { vaeScaling } from "../shared/vae-shape.ts";
import type { Traits } from "../traits.ts";
import { channelScaling } from "./channel-scaling.ts";
import { xlConfig } from "./stable-diffusion-xl-config.ts";

/** Checks a model's configs, each alone and together. @throws {@link ModelError} naming the file and the option. */
export function stableDiffusionXLTraits(model: ModelParts): Traits {
  const config = xlConfig(model);
  const [unet, vae] = [partOf(model, "unet"), partOf(model, "vae")];
  channelScaling(vae, config.vae.latent_channels);
  const encoders = [config.textEncoder ?? [], config.textEncoder2].flat();
  const [second, first] = [config.textEncoder2, config.textEncoder].map(
    (text) => text && { maxPositions: text.max_position_embeddings, vocabSize: text.vocab_size },
  );
  return {
    ...unetTraits(config.kind, config.unet),
    ...pictureSizes({ vae, unet, autoencoder: config.vae, net: config.unet }),
    scalingFactor: vaeScaling(vae),
    guidanceScale: 5,
    // The last but one layer is what is taken at 1.
    textLayers: Math.min(...encoders.map(({ num_hidden_layers: layers }) => layers - 1)),
    tokenizers: { ...(first && { tokenizer: first }), tokenizer2: second! },
  };
}
