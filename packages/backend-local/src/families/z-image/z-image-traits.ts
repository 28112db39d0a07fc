import { type ModelParts, partOf } from "../../models/model.ts";
import { qwen3Config } from "../../networks/qwen3/qwen3-config.ts";
import { zImageConfig } from "../../networks/z-image-transformer/z-image-transformer-config.ts";
import { parsed, requireTextWidth, unsupported } from "../shared/config-check.ts";
import { flowPictures } from "../shared/flow-pictures.ts";
import { isNamed } from "../shared/is-named.ts";
import type { Traits } from "../traits.ts";
import { longestText } from "./z-image-sequence.ts";

/** What the published models are run with: guidance counted as in diffusers, where 0 is none. */
const published = {
  turbo: { steps: 8, guidanceScale: 0 },
  base: { steps: 30, guidanceScale: 4 },
};

/** Checks a model's configs, each alone and together. @throws {@link ModelError} naming the file and the option. */
export function zImageTraits(model: ModelParts): Traits {
  const [textEncoder, transformer] = [partOf(model, "textEncoder"), partOf(model, "transformer")];
  const text = parsed(textEncoder, qwen3Config);
  const net = parsed(transformer, zImageConfig);
  const fail = unsupported(transformer);
  requireTextWidth(transformer, net, "cap_feat_dim", text, "hidden_size");
  const [texts, rows, columns] = net.axes_lens;
  if (texts < longestText + 2)
    throw fail("axes_lens", `begins with ${texts}; a text of ${longestText} tokens needs more`);
  return {
    ...flowPictures(partOf(model, "vae"), {
      transformer,
      channels: net.in_channels,
      largestGrid: Math.min(rows, columns),
    }),
    ...published[isTurbo(model) ? "turbo" : "base"],
    tasks: ["text-to-image", "image-to-image", "inpaint"],
    features: ["negativePrompt", "guidance", "strength", "loras"],
    conditioning: ["control"],
    unguidedScale: 0,
    tokenizers: {
      // The chat's own tokens are eight.
      tokenizer: { kind: "text", maxPositions: longestText, reserved: 8, vocabSize: text.vocab_size },
    },
  };
}

/** The distilled model's configs are the base model's but for the schedule, whose published shifts are 3 and 6. */
function isTurbo(model: ModelParts): boolean {
  return isNamed(model, /turbo/i) || model.scheduler.shift === 3;
}
