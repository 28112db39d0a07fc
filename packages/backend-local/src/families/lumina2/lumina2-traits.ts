import { type ModelParts, partOf } from "../../models/model.ts";
import { gemma2Config } from "../../networks/gemma2/gemma2-config.ts";
import { lumina2Config } from "../../networks/lumina2-transformer/lumina2-config.ts";
import { parsed, requireTextWidth, unsupported } from "../shared/config-check.ts";
import { flowPictures } from "../shared/flow-pictures.ts";
import type { Traits } from "../traits.ts";

/** Most tokens of a text, the system prompt's included. */
const textLength = 256;

/** Checks a model's configs, each alone and together. @throws {@link ModelError} naming the file and the option. */
export function lumina2Traits(model: ModelParts): Traits {
  const [textEncoder, transformer] = [partOf(model, "textEncoder"), partOf(model, "transformer")];
  const text = parsed(textEncoder, gemma2Config);
  const net = parsed(transformer, lumina2Config);
  const fail = unsupported(transformer);
  requireTextWidth(transformer, net, "cap_feat_dim", text, "hidden_size");
  if (text.sliding_window < textLength)
    throw unsupported(textEncoder)("sliding_window", `is ${text.sliding_window}; a text has ${textLength} tokens`);
  const [texts, rows, columns] = net.axes_lens;
  if (texts <= textLength) throw fail("axes_lens", `begins with ${texts}; a text of ${textLength} tokens needs more`);
  // The reference counts a dynamic shift by channels, and no published schedule has one.
  if (model.scheduler.use_dynamic_shifting === true)
    throw unsupported({ ...transformer, file: model.path })("use_dynamic_shifting", "true is not supported");
  return {
    ...flowPictures(partOf(model, "vae"), {
      transformer,
      channels: net.in_channels,
      largestGrid: Math.min(rows, columns),
    }),
    ...{ steps: 30, guidanceScale: 4 },
    tasks: ["text-to-image"],
    features: ["negativePrompt", "guidance", "loras"],
    conditioning: [],
    tokenizers: {
      // The system prompt has about 32, and one begins a text.
      tokenizer: { kind: "text", maxPositions: textLength, reserved: 33, vocabSize: text.vocab_size },
    },
  };
}
