import { modelError } from "../../files/model-error.ts";
import { quote } from "../../files/quote.ts";
import { type ModelParts, partOf } from "../../models/model.ts";
import { krea2Config } from "../../networks/krea2-transformer/krea2-config.ts";
import { qwen3VLConfig } from "../../networks/qwen3-vl/qwen3-vl-config.ts";
import { parsed, requireTextWidth, unsupported } from "../shared/config-check.ts";
import { flowPictures } from "../shared/flow-pictures.ts";
import type { Traits } from "../traits.ts";
import { isDistilled, selectedLayers } from "./krea2-index.ts";

/** Tokens of the template that stand before the prompt, whose states are left out; and those of the prompt and what stands after it that count. */
export const [dropped, textLength] = [34, 512];

/** What the published models are run with: guidance counted as in diffusers, where 0 is none. */
const published = {
  distilled: { steps: 8, guidanceScale: 0 },
  base: { steps: 28, guidanceScale: 4.5 },
};

/** Checks a model's configs, each alone and together. @throws {@link ModelError} naming the file and the option. */
export function krea2Traits(model: ModelParts): Traits {
  const [textEncoder, transformer] = [partOf(model, "textEncoder"), partOf(model, "transformer")];
  const text = parsed(textEncoder, qwen3VLConfig);
  const net = parsed(transformer, krea2Config);
  requireTextWidth(transformer, net, "text_hidden_dim", text, "hidden_size");
  const layers = selectedLayers(model.index);
  const isLayer = (layer: unknown) => Number.isInteger(layer) && (layer as number) >= 0;
  if (!Array.isArray(layers) || !layers.every(isLayer) || layers.length !== net.num_text_layers) {
    const option = "text_encoder_select_layers";
    const message = `${model.path}: ${option} is ${quote(layers)}; the transformer needs ${net.num_text_layers} layers' states`;
    throw modelError("unsupported", message, { file: model.path, option });
  }
  const { patch_size: patch = 2 } = model.index;
  if (patch !== 2) {
    const message = `${model.path}: patch_size is ${quote(patch)}; 2 is supported`;
    throw modelError("unsupported", message, { file: model.path, option: "patch_size" });
  }
  if (text.num_hidden_layers < Math.max(...layers))
    throw unsupported(textEncoder)(
      "num_hidden_layers",
      `is ${text.num_hidden_layers}; states after ${layers.join(", ")} layers are needed`,
    );
  return {
    ...flowPictures(partOf(model, "vae"), { transformer, channels: net.in_channels / 4 }),
    ...published[isDistilled(model) ? "distilled" : "base"],
    tasks: ["text-to-image", "image-to-image", "inpaint"],
    features: ["negativePrompt", "guidance", "strength", "loras"],
    conditioning: [],
    unguidedScale: 0,
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
