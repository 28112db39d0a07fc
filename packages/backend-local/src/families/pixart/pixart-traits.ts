import { type ModelParts, partOf } from "../../models/model.ts";
import { pixartConfig } from "../../networks/pixart-transformer/pixart-config.ts";
import { t5Config } from "../../networks/t5-encoder/t5-config.ts";
import { parsed, requireTextWidth, unsupported } from "../shared/config-check.ts";
import { flowPictures } from "../shared/flow-pictures.ts";
import type { Traits } from "../traits.ts";

/** Most tokens of a text. */
const textLength = 300;

/** Checks a model's configs, each alone and together. @throws {@link ModelError} naming the file and the option. */
export function pixartTraits(model: ModelParts): Traits {
  const [transformer, vae] = [partOf(model, "transformer"), partOf(model, "vae")];
  const t5 = parsed(partOf(model, "textEncoder"), t5Config);
  const net = parsed(transformer, pixartConfig);
  const fail = unsupported(transformer);
  requireTextWidth(transformer, net, "caption_channels", t5, "d_model");
  if (net.out_channels !== net.in_channels && net.out_channels !== 2 * net.in_channels)
    throw fail("out_channels", `${net.out_channels} must be in_channels ${net.in_channels}, or twice that`);
  const { scale } = flowPictures(vae, { transformer, channels: net.in_channels });
  return {
    ...flowPictures(vae, { transformer, channels: net.in_channels, trainedAt: net.sample_size * scale }),
    ...{ steps: 20, guidanceScale: 4.5 },
    tasks: ["text-to-image"],
    features: ["negativePrompt", "guidance", "loras"],
    conditioning: [],
    tokenizers: { tokenizer: { kind: "text", maxPositions: textLength, reserved: 1, vocabSize: t5.vocab_size } },
  };
}
