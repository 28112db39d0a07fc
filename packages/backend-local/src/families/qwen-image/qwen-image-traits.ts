import { type ModelParts, partOf } from "../../models/model.ts";
import { qwenImageConfig } from "../../networks/qwen-image-transformer/qwen-image-config.ts";
import { qwen25VLConfig } from "../../networks/qwen2-5-vl/qwen2-5-vl-config.ts";
import { qwen25VLVisionConfig } from "../../networks/qwen2-5-vl/qwen2-5-vl-vision.ts";
import { parsed, requireTextWidth, unsupported } from "../shared/config-check.ts";
import { flowPictures } from "../shared/flow-pictures.ts";
import type { Traits } from "../traits.ts";
import { dropped, editedPictures, qwenImageKind } from "./qwen-image-kind.ts";

/** Tokens of a prompt, and of the five that stand after it, that count. */
const textLength = { plain: 512, edit: 1024, "edit-plus": 1024 } as const;

/** Tokens on each side of the middle that the reference has a place for. */
const farthest = 4096;

/** Checks a model's configs, each alone and together. @throws {@link ModelError} naming the file and the option. */
export function qwenImageTraits(model: ModelParts): Traits {
  const transformer = partOf(model, "transformer");
  const text = parsed(partOf(model, "textEncoder"), qwen25VLConfig);
  const net = parsed(transformer, qwenImageConfig);
  const fail = unsupported(transformer);
  requireTextWidth(transformer, net, "joint_attention_dim", text, "hidden_size");
  if (net.in_channels !== 4 * net.out_channels)
    throw fail("in_channels", `${net.in_channels} must be four times out_channels ${net.out_channels}`);
  const kind = qwenImageKind(model);
  const references = kind === "plain" ? undefined : editedPictures[kind];
  if (references !== undefined) checkSight(model, text.hidden_size);
  // Each of an editor's pictures has four tokens around it, and up to six that number it.
  const before = dropped[kind] + 10 * (references?.most ?? 0);
  return {
    ...flowPictures(partOf(model, "vae"), {
      transformer,
      channels: net.out_channels,
      option: "out_channels",
      largestGrid: farthest,
      trainedAt: 1328,
    }),
    ...{ steps: 50, guidanceScale: 4 },
    tasks: kind === "plain" ? ["text-to-image", "image-to-image", "inpaint"] : ["text-to-image"],
    features: ["negativePrompt", "guidance", "strength", "loras"],
    conditioning: [references === undefined ? "control" : "reference"],
    ...(references && { references }),
    tokenizers: {
      tokenizer: {
        kind: "text",
        maxPositions: before + textLength[kind],
        reserved: before + 5,
        vocabSize: text.vocab_size,
      },
    },
  };
}

/** Whether what sees an editor's pictures fits its text model. @throws {@link ModelError} */
function checkSight(model: ModelParts, width: number): void {
  const part = partOf(model, "textEncoder");
  const { out_hidden_size: out } = parsed(part, qwen25VLVisionConfig);
  if (out === width) return;
  throw unsupported(part)("vision_config.out_hidden_size", `${out} does not match hidden_size ${width}`);
}
