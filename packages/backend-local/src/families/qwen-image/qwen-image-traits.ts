import { type ModelParts, partOf } from "../../models/model.ts";
import { qwenImageConfig } from "../../networks/qwen-image-transformer/qwen-image-config.ts";
import { qwen25VLConfig } from "../../networks/qwen2-5-vl/qwen2-5-vl-config.ts";
import { parsed, unsupported } from "../shared/config-check.ts";
import { flowPictures } from "../shared/flow-pictures.ts";
import type { Traits } from "../traits.ts";

/** Tokens of the template that stand before the prompt, whose states are left out; and those of the prompt and what stands after it that count. */
export const [dropped, textLength] = [34, 512];

/** Tokens on each side of the middle that the reference has a place for. */
const farthest = 4096;

/** Checks a model's configs, each alone and together. @throws {@link ModelError} naming the file and the option. */
export function qwenImageTraits(model: ModelParts): Traits {
  const transformer = partOf(model, "transformer");
  const text = parsed(partOf(model, "textEncoder"), qwen25VLConfig);
  const net = parsed(transformer, qwenImageConfig);
  const fail = unsupported(transformer);
  if (net.joint_attention_dim !== text.hidden_size)
    throw fail(
      "joint_attention_dim",
      `${net.joint_attention_dim} does not match the text encoder's hidden_size ${text.hidden_size}`,
    );
  if (net.in_channels !== 4 * net.out_channels)
    throw fail("in_channels", `${net.in_channels} must be four times out_channels ${net.out_channels}`);
  return {
    ...flowPictures(partOf(model, "vae"), {
      transformer,
      channels: net.out_channels,
      option: "out_channels",
      largestGrid: farthest,
      trainedAt: 1328,
    }),
    ...{ steps: 50, guidanceScale: 4 },
    tasks: ["text-to-image", "image-to-image", "inpaint"],
    features: ["negativePrompt", "guidance", "strength", "loras"],
    conditioning: [],
    tokenizers: {
      // Five of the chat's tokens stand after the prompt.
      tokenizer: {
        kind: "text",
        maxPositions: dropped + textLength,
        reserved: dropped + 5,
        vocabSize: text.vocab_size,
      },
    },
  };
}
