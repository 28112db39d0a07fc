import { type ModelParts, partOf } from "../../models/model.ts";
import { auraflowConfig } from "../../networks/auraflow-transformer/auraflow-config.ts";
import { umt5Config } from "../../networks/t5-encoder/t5-config.ts";
import { parsed, requireTextWidth, unsupported } from "../shared/config-check.ts";
import { flowPictures } from "../shared/flow-pictures.ts";
import type { Traits } from "../traits.ts";

/** Tokens of a text that the transformer is shown. */
export const textLength = 256;

/** Checks a model's configs, each alone and together. @throws {@link ModelError} naming the file and the option. */
export function auraflowTraits(model: ModelParts): Traits {
  const transformer = partOf(model, "transformer");
  const text = parsed(partOf(model, "textEncoder"), umt5Config);
  const net = parsed(transformer, auraflowConfig);
  const fail = unsupported(transformer);
  requireTextWidth(transformer, net, "joint_attention_dim", text, "d_model");
  if (net.out_channels !== net.in_channels)
    throw fail("out_channels", `${net.out_channels} must be in_channels ${net.in_channels}`);
  return {
    ...flowPictures(partOf(model, "vae"), {
      transformer,
      channels: net.in_channels,
      largestGrid: Math.sqrt(net.pos_embed_max_size),
    }),
    ...{ steps: 50, guidanceScale: 3.5 },
    tasks: ["text-to-image"],
    features: ["negativePrompt", "guidance", "loras"],
    conditioning: [],
    tokenizers: { tokenizer: { kind: "text", maxPositions: textLength, reserved: 1, vocabSize: text.vocab_size } },
  };
}
