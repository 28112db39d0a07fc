import { type ModelParts, partOf } from "../../models/model.ts";
import { selfAttentions } from "../../networks/unet-2d-condition/self-attentions.ts";
import { pictureSizes } from "../shared/picture-sizes.ts";
import { kindTraits } from "../shared/unet-kind.ts";
import { vaeScaling } from "../shared/vae-shape.ts";
import type { Traits } from "../traits.ts";
import { channelScaling } from "./channel-scaling.ts";
import { xlConfig } from "./stable-diffusion-xl-config.ts";

/** Checks a model's configs, each alone and together. @throws {@link ModelError} naming the file and the option. */
export function stableDiffusionXLTraits(model: ModelParts): Traits {
  const config = xlConfig(model);
  const [unet, vae] = [partOf(model, "unet"), partOf(model, "vae")];
  channelScaling(vae, config.vae.latent_channels);
  const embedded = config.unet.time_cond_proj_dim != null;
  const { tasks, features, conditioning } = kindTraits[config.kind];
  const encoders = [config.textEncoder ?? [], config.textEncoder2].flat();
  const [second, first] = [config.textEncoder2, config.textEncoder].map(
    (text) => text && { maxPositions: text.max_position_embeddings, vocabSize: text.vocab_size },
  );
  return {
    tasks,
    features: [
      "promptSyntax",
      "clipSkip",
      "loras",
      ...(embedded ? [] : (["negativePrompt", "guidance"] as const)),
      ...features,
    ],
    conditioning,
    ...pictureSizes({ vae, unet, autoencoder: config.vae, net: config.unet }),
    scalingFactor: vaeScaling(vae),
    guidanceScale: 5,
    guidance: embedded ? "embedded" : "classifier-free",
    startsFromPicture: config.kind !== "instruct",
    imageGuidanceScale: 1.5,
    // The last but one layer is what is taken at 1.
    textLayers: Math.min(...encoders.map(({ num_hidden_layers: layers }) => layers - 1)),
    tokenizers: { ...(first && { tokenizer: first }), tokenizer2: second! },
    selfAttentions: selfAttentions(config.unet),
  };
}
