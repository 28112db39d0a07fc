import { type ModelParts, partOf } from "../../models/model.ts";
import { chromaConfig } from "../../networks/chroma-transformer/chroma-config.ts";
import { t5Config } from "../../networks/t5-encoder/t5-config.ts";
import { parsed, requireTextWidth, unsupported } from "../shared/config-check.ts";
import { flowPictures } from "../shared/flow-pictures.ts";
import type { Traits } from "../traits.ts";

/** Most tokens of a text. */
const textLength = 512;

/** Checks a model's configs, each alone and together. @throws {@link ModelError} naming the file and the option. */
export function chromaTraits(model: ModelParts): Traits {
  const transformer = partOf(model, "transformer");
  const t5 = parsed(partOf(model, "textEncoder"), t5Config);
  const net = parsed(transformer, chromaConfig);
  const fail = unsupported(transformer);
  requireTextWidth(transformer, net, "joint_attention_dim", t5, "d_model");
  const out = net.out_channels ?? net.in_channels;
  if (out !== net.in_channels) throw fail("out_channels", `${out} must be as in_channels ${net.in_channels}`);
  return {
    ...flowPictures(partOf(model, "vae"), { transformer, channels: net.in_channels / 4 }),
    ...{ steps: 35, guidanceScale: 5 },
    tasks: ["text-to-image", "image-to-image", "inpaint"],
    features: ["negativePrompt", "guidance", "strength", "loras"],
    conditioning: [],
    tokenizers: { tokenizer: { kind: "text", maxPositions: textLength, reserved: 1, vocabSize: t5.vocab_size } },
  };
}
