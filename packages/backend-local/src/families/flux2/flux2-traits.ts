import { type ModelParts, partOf } from "../../models/model.ts";
import { flux2Config } from "../../networks/flux2-transformer/flux2-transformer-config.ts";
import { qwen3Config } from "../../networks/qwen3/qwen3-config.ts";
import { parsed, unsupported } from "../shared/config-check.ts";
import { flowPictures } from "../shared/flow-pictures.ts";
import type { Traits } from "../traits.ts";

/** Layers of Qwen3 whose states are shown to the transformer, side by side. */
export const textStates = [9, 18, 27] as const;

/** Most tokens of a text; shorter ones are filled up to it. */
const textLength = 512;

/** Checks a model's configs, each alone and together. @throws {@link ModelError} naming the file and the option. */
export function flux2Traits(model: ModelParts): Traits {
  const [textEncoder, transformer, vae] = [
    partOf(model, "textEncoder"),
    partOf(model, "transformer"),
    partOf(model, "vae"),
  ];
  const text = parsed(textEncoder, qwen3Config);
  const net = parsed(transformer, flux2Config);
  const fail = unsupported(transformer);
  const width = textStates.length * text.hidden_size;
  if (net.joint_attention_dim !== width)
    throw fail(
      "joint_attention_dim",
      `${net.joint_attention_dim} does not match three of the text encoder's states, ${width} wide`,
    );
  if (text.num_hidden_layers < textStates.at(-1)!)
    throw unsupported(textEncoder)(
      "num_hidden_layers",
      `is ${text.num_hidden_layers}; states after ${textStates.join(", ")} layers are needed`,
    );
  if (net.guidance_embeds)
    throw fail("guidance_embeds", "true is FLUX.2 dev's, which is not supported: klein takes no scale");
  // The reference folds and normalises blocks of 2×2, whatever the option says.
  const { scale, multipleOf, latentChannels, ...pictures } = flowPictures(vae, {
    transformer,
    channels: net.in_channels / 4,
  });
  const isDistilled = model.index.is_distilled === true;
  return {
    ...pictures,
    // The network's latents are the VAE's in blocks of 2×2, each a token.
    ...{ scale: multipleOf, multipleOf, latentChannels: 4 * latentChannels, patchSize: 1 },
    ...(isDistilled ? { steps: 4, guidanceScale: 1 } : { steps: 50, guidanceScale: 4 }),
    guidance: isDistilled ? "none" : "classifier-free",
    tasks: ["text-to-image"],
    features: isDistilled ? ["loras"] : ["guidance", "loras"],
    conditioning: ["reference"],
    references: { most: 10, area: 1024 * 1024, multipleOf, minSide: 64, maxRatio: 8, setsSize: true },
    tokenizers: {
      // The chat's own tokens are twelve, the empty thought among them.
      tokenizer: { kind: "text", maxPositions: textLength, reserved: 12, vocabSize: text.vocab_size },
    },
  };
}
