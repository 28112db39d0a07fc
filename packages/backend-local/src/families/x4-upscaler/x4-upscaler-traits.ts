import { fromDiffusers } from "@latentkit/core/diffusion";
import { modelError } from "../../files/model-error.ts";
import { type ModelParts, partOf } from "../../models/model.ts";
import { clipTextConfig } from "../../networks/clip-text/clip-text-config.ts";
import { selfAttentions } from "../../networks/unet-2d-condition/self-attentions.ts";
import { unetConfig } from "../../networks/unet-2d-condition/unet-2d-condition-config.ts";
import { parsed, unsupported } from "../shared/config-check.ts";
import { pictureSizes } from "../shared/picture-sizes.ts";
import { refuseUnknownInputs } from "../shared/unet-kind.ts";
import { vaeShape } from "../shared/vae-shape.ts";
import type { Traits } from "../traits.ts";

/** Channels of the small picture. */
const pictureChannels = 3;

/** Checks a model's configs, each alone and together. @throws {@link ModelError} naming the file and the option. */
export function x4UpscalerTraits(model: ModelParts): Traits {
  const [textEncoder, unet, vae] = [partOf(model, "textEncoder"), partOf(model, "unet"), partOf(model, "vae")];
  const text = parsed(textEncoder, clipTextConfig);
  const net = parsed(unet, unetConfig);
  const shape = vaeShape(vae);
  const fail = unsupported(unet);
  const channels = shape.latent_channels + pictureChannels;
  if (net.in_channels !== channels)
    throw fail(
      "in_channels",
      `is ${net.in_channels}; an upscaler's UNet sees a latent and a picture, ${channels} channels`,
    );
  if (net.num_class_embeds == null) throw fail("num_class_embeds", "must be given: the level of the picture's noise");
  refuseUnknownInputs(unet, net, ["num_class_embeds"]);
  const [textSize] = [net.encoder_hid_dim ?? net.levels[0]!.crossAttentionDim];
  if (textSize !== text.hidden_size)
    throw fail("cross_attention_dim", `${textSize} does not match the text encoder's hidden_size ${text.hidden_size}`);
  checkLowResolution(model);
  const sizes = pictureSizes({ vae, unet, autoencoder: shape, net });
  return {
    tasks: ["upscale"],
    features: ["promptSyntax", "clipSkip", "negativePrompt", "guidance"],
    conditioning: ["text"],
    ...sizes,
    // The small picture's sides are multiples of the VAE's scale, as diffusers makes them.
    multipleOf: sizes.scale ** 2,
    minSide: Math.max(sizes.minSide, sizes.scale ** 2),
    enlarges: sizes.scale,
    // Whatever the VAE's config says: diffusers' pipeline sets it.
    scalingFactor: 0.08333,
    steps: 75,
    guidanceScale: 9,
    guidance: "classifier-free",
    startsFromPicture: false,
    textLayers: text.num_hidden_layers,
    tokenizers: { tokenizer: { maxPositions: text.max_position_embeddings, vocabSize: text.vocab_size } },
    selfAttentions: selfAttentions(net),
  };
}

function checkLowResolution({ path, schedulers }: ModelParts): void {
  const config = schedulers?.low_res_scheduler;
  if (config === undefined) return;
  try {
    fromDiffusers({ ...config, _class_name: "DDPMScheduler" });
  } catch (cause) {
    const message = `${path}: low_res_scheduler: ${(cause as Error).message}`;
    throw modelError("unsupported", message, { file: path, option: "low_res_scheduler", cause });
  }
}
