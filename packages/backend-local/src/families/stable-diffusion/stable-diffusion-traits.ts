import { type ModelParts, partOf } from "../../models/model.ts";
import { autoencoderKLConfig } from "../../networks/autoencoder-kl/autoencoder-kl-config.ts";
import { clipTextConfig } from "../../networks/clip-text/clip-text-config.ts";
import { selfAttentions } from "../../networks/unet-2d-condition/self-attentions.ts";
import { unetConfig } from "../../networks/unet-2d-condition/unet-2d-condition-config.ts";
import { parsed, scalingFactorOf, unsupported, withMendedSize } from "../shared/config-check.ts";
import { pictureSizes } from "../shared/picture-sizes.ts";
import type { Traits } from "../traits.ts";

/** Checks a model's configs, each alone and together. @throws {@link ModelError} naming the file and the option. */
export function stableDiffusionTraits(model: ModelParts): Traits {
  const [textEncoder, unet, vae] = [partOf(model, "textEncoder"), partOf(model, "unet"), partOf(model, "vae")];
  const text = parsed(textEncoder, clipTextConfig);
  const net = parsed(unet, unetConfig);
  const autoencoder = parsed(vae, autoencoderKLConfig);

  const fail = unsupported(unet);
  const { latent_channels: latentChannels } = autoencoder;
  if (net.in_channels !== latentChannels)
    throw fail(
      "in_channels",
      `${net.in_channels} does not match the VAE's latent_channels ${latentChannels}; inpainting and instruction UNets with more channels are not supported yet`,
    );
  if (net.out_channels !== latentChannels)
    throw fail("out_channels", `${net.out_channels} does not match the VAE's latent_channels ${latentChannels}`);
  for (const option of ["addition_embed_type", "class_embed_type", "num_class_embeds", "time_cond_proj_dim"] as const) {
    if (net[option] != null) throw fail(option, `${net[option]} needs an input that this pipeline does not have`);
  }
  const textSize = net.encoder_hid_dim ?? net.levels[0]!.crossAttentionDim;
  if (textSize !== text.hidden_size)
    throw fail("cross_attention_dim", `${textSize} does not match the text encoder's hidden_size ${text.hidden_size}`);

  return {
    tasks: ["text-to-image", "image-to-image", "inpaint"],
    features: ["negativePrompt", "clipSkip"],
    conditioning: [],
    ...pictureSizes({ vae, unet: withMendedSize(unet), autoencoder, net }),
    scalingFactor: scalingFactorOf(vae, 0.18215),
    guidanceScale: 7.5,
    guidance: "classifier-free",
    textLayers: text.num_hidden_layers,
    tokenizers: { tokenizer: { maxPositions: text.max_position_embeddings, vocabSize: text.vocab_size } },
    selfAttentions: selfAttentions(net),
  };
}
