import { type ModelParts, partOf } from "../../models/model.ts";
import { clipTextConfig } from "../../networks/clip-text/clip-text-config.ts";
import { t5Config } from "../../networks/t5-encoder/t5-config.ts";
import { parsed, unsupported } from "../shared/config-check.ts";
import { flowPictures } from "../shared/flow-pictures.ts";
import { isNamed } from "../shared/is-named.ts";
import { vaeShape } from "../shared/vae-shape.ts";
import type { Traits } from "../traits.ts";
import { type Flux1Kind, flux1Kind, fluxOf } from "./flux1-kind.ts";
import { kontextSizes } from "./kontext-sizes.ts";

/** What the published models are run with; schnell's texts are shorter. */
const published: Readonly<Record<Flux1Kind, { steps: number; guidanceScale: number; tokens: number }>> = {
  dev: { steps: 28, guidanceScale: 3.5, tokens: 512 },
  schnell: { steps: 4, guidanceScale: 1, tokens: 256 },
  kontext: { steps: 28, guidanceScale: 2.5, tokens: 512 },
  fill: { steps: 50, guidanceScale: 30, tokens: 512 },
};
const krea = { steps: 28, guidanceScale: 4.5 };

/** Checks a model's configs, each alone and together. @throws {@link ModelError} naming the file and the option. */
export function flux1Traits(model: ModelParts): Traits {
  const [transformer, vae] = [partOf(model, "transformer"), partOf(model, "vae")];
  const clip = parsed(partOf(model, "textEncoder"), clipTextConfig);
  const t5 = parsed(partOf(model, "textEncoder2"), t5Config);
  const net = fluxOf(model);
  const fail = unsupported(transformer);
  if (net.pooled_projection_dim !== clip.hidden_size)
    throw fail(
      "pooled_projection_dim",
      `${net.pooled_projection_dim} does not match the text encoder's hidden_size ${clip.hidden_size}`,
    );
  if (net.joint_attention_dim !== t5.d_model)
    throw fail(
      "joint_attention_dim",
      `${net.joint_attention_dim} does not match the second text encoder's d_model ${t5.d_model}`,
    );
  const { latent_channels: channels } = vaeShape(vae);
  const pictures = flowPictures(vae, { transformer, channels });
  const kind = flux1Kind(model, net, channels, pictures.scale);
  const { tokens, ...defaults } = published[kind];
  return {
    ...pictures,
    ...defaults,
    ...(kind === "dev" && isNamed(model, /krea/i) ? krea : {}),
    guidance: net.guidance_embeds ? "embedded" : "none",
    tasks: kind === "fill" ? ["inpaint"] : ["text-to-image", "image-to-image", "inpaint"],
    features: ["negativePrompt", "strength", "loras"],
    ...(kind === "kontext"
      ? {
          conditioning: ["reference"],
          references: {
            most: 1,
            area: 1024 * 1024,
            sizes: kontextSizes,
            multipleOf: pictures.multipleOf,
            minSide: 16,
            maxRatio: 16,
            setsSize: true,
          },
        }
      : { conditioning: kind === "fill" ? [] : ["control"] }),
    tokenizers: {
      // CLIP sees the beginning of a text, which T5 sees as a whole.
      tokenizer: { maxPositions: clip.max_position_embeddings, vocabSize: clip.vocab_size, bounds: false },
      tokenizer2: { kind: "text", maxPositions: tokens, reserved: 1, vocabSize: t5.vocab_size },
    },
  };
}
