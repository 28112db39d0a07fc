import { type ModelParts, partOf } from "../../models/model.ts";
import { gemma2Config } from "../../networks/gemma2/gemma2-config.ts";
import { sanaConfig } from "../../networks/sana-transformer/sana-config.ts";
import { parsed, requireTextWidth, unsupported } from "../shared/config-check.ts";
import { flowPictures } from "../shared/flow-pictures.ts";
import type { Traits } from "../traits.ts";

/** Most tokens of a text, without the instruction before it. */
export const textLength = 300;

/** Tokens that a text has at the most with the instruction, and some to spare: it has some 230 by Gemma's own tokenizer. */
const withInstruction = 1024;

/** Checks a model's configs, each alone and together. @throws {@link ModelError} naming the file and the option. */
export function sanaTraits(model: ModelParts): Traits {
  const [textEncoder, transformer, vae] = [
    partOf(model, "textEncoder"),
    partOf(model, "transformer"),
    partOf(model, "vae"),
  ];
  const text = parsed(textEncoder, gemma2Config);
  const net = parsed(transformer, sanaConfig);
  const fail = unsupported(transformer);
  requireTextWidth(transformer, net, "caption_channels", text, "hidden_size");
  if (text.sliding_window < withInstruction)
    throw unsupported(textEncoder)(
      "sliding_window",
      `is ${text.sliding_window}; a text with its instruction has up to ${withInstruction} tokens`,
    );
  if (net.out_channels !== net.in_channels && net.out_channels !== 2 * net.in_channels)
    throw fail("out_channels", `${net.out_channels} must be in_channels ${net.in_channels}, or twice that`);
  // The reference counts no shift by a picture's size.
  if (model.scheduler.use_dynamic_shifting === true)
    throw unsupported({ ...transformer, file: model.path })("use_dynamic_shifting", "true is not supported");
  const network = { transformer, channels: net.in_channels, patch: 1 } as const;
  const { scale } = flowPictures(vae, network);
  return {
    ...flowPictures(vae, { ...network, trainedAt: net.sample_size * scale }),
    ...{ patchSize: 1, steps: 20, guidanceScale: 4.5 },
    tasks: ["text-to-image"],
    features: ["negativePrompt", "guidance", "loras"],
    conditioning: [],
    tokenizers: { tokenizer: { kind: "text", maxPositions: textLength, reserved: 1, vocabSize: text.vocab_size } },
  };
}
