import { type ModelParts, partOf } from "../../models/model.ts";
import { qwenImage21Config } from "../../networks/qwen-image-21-transformer/qwen-image-21-config.ts";
import { qwen3VLConfig } from "../../networks/qwen3-vl/qwen3-vl-config.ts";
import { qwen3VLVisionConfig } from "../../networks/qwen3-vl/qwen3-vl-vision.ts";
import { parsed, requireTextWidth, unsupported } from "../shared/config-check.ts";
import { flowPictures } from "../shared/flow-pictures.ts";
import type { ReferenceRules, Traits } from "../traits.ts";

/** Most tokens of a text, the template's among them: the reference cuts none off, and has places for 8192 of them and the picture. */
const textLength = 4096;

/** Most reference pictures. The reference has no bound of its own. */
const most = 10;

/** Levels that a model_index.json names, where it does: their number is that of the steps. */
export function ownSigmas({ sample_sigmas: own }: Readonly<Record<string, unknown>>): readonly number[] | undefined {
  return Array.isArray(own) && own.length > 0 && own.every(Number.isFinite) ? own : undefined;
}

/** Whether a model's text encoder sees pictures: some files hold what reads texts alone. */
export function sees(model: Pick<ModelParts, "parts" | "path">): boolean {
  return partOf(model, "textEncoder").config.vision_config != null;
}

/** Checks a model's configs, each alone and together. @throws {@link ModelError} naming the file and the option. */
export function qwenImage21Traits(model: ModelParts): Traits {
  const transformer = partOf(model, "transformer");
  const text = parsed(partOf(model, "textEncoder"), qwen3VLConfig);
  const net = parsed(transformer, qwenImage21Config);
  requireTextWidth(transformer, net, "context_in_dim", text, "hidden_size");
  const pictures = flowPictures(partOf(model, "vae"), { transformer, channels: net.in_channels, colours: 4 });
  return {
    ...pictures,
    ...{ transparent: true, patchSize: 1, steps: ownSigmas(model.index)?.length ?? 40, guidanceScale: 1 },
    tasks: ["text-to-image", "image-to-image", "inpaint"],
    features: ["negativePrompt", "guidance", "strength", "loras"],
    conditioning: ["reference"],
    references: referenceRules(model, text.hidden_size, pictures.multipleOf),
    tokenizers: {
      // The chat's own, with the system prompt, and those around each picture.
      tokenizer: {
        ...{ kind: "text", maxPositions: textLength, reserved: 24 + 10 * most, unfilled: true },
        vocabSize: text.vocab_size,
      },
    },
  };
}

/** Each picture is brought to a million pixels, for the text encoder and the VAE alike. @throws ModelError where what sees them does not fit. */
function referenceRules(model: ModelParts, width: number, multipleOf: number): ReferenceRules {
  const sizes = { area: 1024 * 1024, fits: 32, multipleOf, minSide: 16, maxRatio: 16 };
  const rules: ReferenceRules = { ...sizes, most, setsSize: "last", seen: { multipleOf } };
  const part = partOf(model, "textEncoder");
  if (!sees(model)) {
    const blind = `${part.file} holds what reads texts alone: it lacks the tensors of Qwen3-VL that see pictures (visual.patch_embed and others). Name a text encoder that has them: parts: { textEncoder }`;
    return { ...rules, blind };
  }
  const { out_hidden_size: out, patch_size: patch, spatial_merge_size: merge } = parsed(part, qwen3VLVisionConfig);
  const fail = unsupported(part);
  if (out !== width) throw fail("vision_config.out_hidden_size", `${out} does not match hidden_size ${width}`);
  if (patch * merge !== multipleOf)
    throw fail(
      "vision_config.patch_size",
      `${patch}, ${merge} to a token's side: must see ${multipleOf} pixels in one`,
    );
  return rules;
}
