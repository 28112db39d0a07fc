import { type ModelParts, partOf } from "../../models/model.ts";
import { flux3Config } from "../../networks/flux3-transformer/flux3-config.ts";
import { qwen3VLConfig } from "../../networks/qwen3-vl/qwen3-vl-config.ts";
import { parsed, unsupported } from "../shared/config-check.ts";
import { checkStates, flux2Sizes } from "../shared/flux2-sizes.ts";
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
  checkStates({ ...net, part: transformer }, { ...text, part: textEncoder }, textStates, "eight");
  if (net.cond_in_channels !== net.in_channels)
    throw fail("cond_in_channels", `${net.cond_in_channels} must be as in_channels ${net.in_channels}`);
  const pictures = flux2Sizes(partOf(model, "vae"), { ...net, part: transformer });
  const isDistilled = net.flow_map;
  return {
    ...pictures,
    ...(isDistilled ? { steps: 16, guidanceScale: 1 } : { steps: 50, guidanceScale: 3.5 }),
    guidance: isDistilled ? "none" : "classifier-free",
    tasks: ["text-to-image"],
    features: isDistilled ? ["loras"] : ["negativePrompt", "guidance", "loras"],
    conditioning: ["reference"],
    references: {
      ...{ most: 10, area: 1024 * 1024, multipleOf: pictures.multipleOf, minSide: pictures.multipleOf, setsSize: true },
      alone: { area: 4 * 1024 * 1024, maxSide: pictures.maxSide, minSide: 64 },
    },
    tokenizers: {
      // The chat's own tokens are eight.
      tokenizer: { kind: "text", maxPositions: textLength, reserved: 8, vocabSize: text.vocab_size },
    },
  };
}
