import { type ModelParts, partOf } from "../../models/model.ts";
import { flux3Config } from "../../networks/flux3-transformer/flux3-config.ts";
import { qwen3VLConfig } from "../../networks/qwen3-vl/qwen3-vl-config.ts";
import { parsed, unsupported } from "../shared/config-check.ts";
import { flowPictures } from "../shared/flow-pictures.ts";
import type { Traits } from "../traits.ts";

/** Layers of Qwen3-VL whose states are shown to the transformer, side by side. */
export const textStates = [4, 8, 12, 16, 20, 24, 28, 32] as const;

/** Most tokens of a text; shorter ones are filled up to a multiple. */
export const [textLength, textMultiple] = [8192, 80];

/** Checks a model's configs, each alone and together. @throws {@link ModelError} naming the file and the option. */
export function flux3Traits(model: ModelParts): Traits {
  const [textEncoder, transformer] = [partOf(model, "textEncoder"), partOf(model, "transformer")];
  const text = parsed(textEncoder, qwen3VLConfig);
  const net = parsed(transformer, flux3Config);
  const fail = unsupported(transformer);
  const width = textStates.length * text.hidden_size;
  if (net.joint_attention_dim !== width)
    throw fail(
      "joint_attention_dim",
      `${net.joint_attention_dim} does not match eight of the text encoder's states, ${width} wide`,
    );
  if (text.num_hidden_layers < textStates.at(-1)!)
    throw unsupported(textEncoder)(
      "num_hidden_layers",
      `is ${text.num_hidden_layers}; states after ${textStates.join(", ")} layers are needed`,
    );
  if (net.cond_in_channels !== net.in_channels)
    throw fail("cond_in_channels", `${net.cond_in_channels} must be as in_channels ${net.in_channels}`);
  // The reference folds and normalises blocks of 2×2, whatever the option says.
  const { scale, multipleOf, latentChannels, ...pictures } = flowPictures(partOf(model, "vae"), {
    transformer,
    channels: net.in_channels / 4,
  });
  const isDistilled = net.flow_map;
  return {
    ...pictures,
    // The network's latents are the VAE's in blocks of 2×2, each a token.
    ...{ scale: multipleOf, multipleOf, latentChannels: 4 * latentChannels, patchSize: 1 },
    ...(isDistilled ? { steps: 16, guidanceScale: 1 } : { steps: 50, guidanceScale: 3.5 }),
    guidance: isDistilled ? "none" : "classifier-free",
    tasks: ["text-to-image"],
    features: isDistilled ? ["loras"] : ["negativePrompt", "guidance", "loras"],
    conditioning: ["reference"],
    references: {
      ...{ most: 10, area: 1024 * 1024, multipleOf, minSide: multipleOf, setsSize: true },
      alone: { area: 4 * 1024 * 1024, maxSide: pictures.maxSide, minSide: 64 },
    },
    tokenizers: {
      // The chat's own tokens are eight.
      tokenizer: { kind: "text", maxPositions: textLength, reserved: 8, vocabSize: text.vocab_size },
    },
  };
}
