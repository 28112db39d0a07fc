import { type ModelParts, partOf } from "../../models/model.ts";
import { clipTextConfig } from "../../networks/clip-text/clip-text-config.ts";
import { unetConfig } from "../../networks/unet-2d-condition/unet-2d-condition-config.ts";
import { parsed, unsupported, withMendedSize } from "../shared/config-check.ts";
import { pictureSizes } from "../shared/picture-sizes.ts";
import { refuseUnknownInputs, unetKind, unetTraits } from "../shared/unet-kind.ts";
import { vaeScaling, vaeShape } from "../shared/vae-shape.ts";
import type { Traits } from "../traits.ts";

/** Checks a model's configs, each alone and together. @throws {@link ModelError} naming the file and the option. */
export function stableDiffusionTraits(model: ModelParts): Traits {
  const [textEncoder, unet, vae] = [partOf(model, "textEncoder"), partOf(model, "unet"), partOf(model, "vae")];
  const text = parsed(textEncoder, clipTextConfig);
  const net = parsed(unet, unetConfig);
  const autoencoder = vaeShape(vae);

  const kind = unetKind(unet, net, autoencoder.latent_channels);
  refuseUnknownInputs(unet, net, ["time_cond_proj_dim"]);
  const textSize = net.encoder_hid_dim ?? net.levels[0]!.crossAttentionDim;
  if (textSize !== text.hidden_size) {
    const message = `${textSize} does not match the text encoder's hidden_size ${text.hidden_size}`;
    throw unsupported(unet)("cross_attention_dim", message);
  }

  return {
    ...unetTraits(kind, net),
    ...pictureSizes({ vae, unet: withMendedSize(unet), autoencoder, net }),
    scalingFactor: vaeScaling(vae),
    // As the pipeline that the model is saved as has it.
    guidanceScale: model.pipeline === "LatentConsistencyModelPipeline" ? 8.5 : 7.5,
    distilledSteps: distilledSteps(model),
    textLayers: text.num_hidden_layers,
    tokenizers: { tokenizer: { maxPositions: text.max_position_embeddings, vocabSize: text.vocab_size } },
  };
}

/** LCMScheduler's, in the pipeline that latent consistency models are saved as. */
function distilledSteps({ pipeline, scheduler }: ModelParts): number | undefined {
  if (pipeline !== "LatentConsistencyModelPipeline") return undefined;
  const { original_inference_steps: steps } = scheduler;
  return typeof steps === "number" ? steps : 50;
}
