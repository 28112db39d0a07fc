import { type ModelParts, partOf } from "../../models/model.ts";
import { flux2Config } from "../../networks/flux2-transformer/flux2-transformer-config.ts";
import { qwen3Config } from "../../networks/qwen3/qwen3-config.ts";
import { parsed, unsupported } from "../shared/config-check.ts";
import { checkStates, flux2Sizes } from "../shared/flux2-sizes.ts";
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
  checkStates({ ...net, part: transformer }, { ...text, part: textEncoder }, textStates, "three");
  if (net.guidance_embeds)
    throw fail("guidance_embeds", "true is FLUX.2 dev's, which is not supported: klein takes no scale");
  const pictures = flux2Sizes(vae, { ...net, part: transformer });
  // The pipeline of klein KV knows no guidance, and doesn't save that.
  const isDistilled = model.index.is_distilled === true || model.pipeline === "Flux2KleinKVPipeline";
  return {
    ...pictures,
    ...(isDistilled ? { steps: 4, guidanceScale: 1 } : { steps: 50, guidanceScale: 4 }),
    guidance: isDistilled ? "none" : "classifier-free",
    tasks: ["text-to-image", "image-to-image", "inpaint"],
    ...{ maskSquares: "middle", showsInpainted: true },
    features: isDistilled ? ["strength", "loras"] : ["strength", "guidance", "loras"],
    conditioning: ["reference"],
    references: {
      most: 10,
      area: 1024 * 1024,
      multipleOf: pictures.multipleOf,
      minSide: 64,
      maxRatio: 8,
      setsSize: true,
    },
    tokenizers: {
      // The chat's own tokens are twelve, the empty thought among them.
      tokenizer: { kind: "text", maxPositions: textLength, reserved: 12, vocabSize: text.vocab_size },
    },
  };
}
