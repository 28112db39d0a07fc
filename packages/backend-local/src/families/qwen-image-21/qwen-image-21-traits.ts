import { type ModelParts, partOf } from "../../models/model.ts";
import { qwenImage21Config } from "../../networks/qwen-image-21-transformer/qwen-image-21-config.ts";
import { qwen3VLConfig } from "../../networks/qwen3-vl/qwen3-vl-config.ts";
import { parsed, unsupported } from "../shared/config-check.ts";
import { flowPictures } from "../shared/flow-pictures.ts";
import type { Traits } from "../traits.ts";

/** Most tokens of a text, the template's among them: the reference cuts none off, and has places for 8192 of them and the picture. */
const textLength = 4096;

/** Levels that a model_index.json names, where it does: their number is that of the steps. */
export function ownSigmas({ sample_sigmas: own }: Readonly<Record<string, unknown>>): readonly number[] | undefined {
  return Array.isArray(own) && own.length > 0 && own.every(Number.isFinite) ? own : undefined;
}

/** Checks a model's configs, each alone and together. @throws {@link ModelError} naming the file and the option. */
export function qwenImage21Traits(model: ModelParts): Traits {
  const transformer = partOf(model, "transformer");
  const text = parsed(partOf(model, "textEncoder"), qwen3VLConfig);
  const net = parsed(transformer, qwenImage21Config);
  if (net.context_in_dim !== text.hidden_size)
    throw unsupported(transformer)(
      "context_in_dim",
      `${net.context_in_dim} does not match the text encoder's hidden_size ${text.hidden_size}`,
    );
  return {
    ...flowPictures(partOf(model, "vae"), { transformer, channels: net.in_channels, colours: 4 }),
    ...{ patchSize: 1, steps: ownSigmas(model.index)?.length ?? 40, guidanceScale: 1 },
    tasks: ["text-to-image"],
    features: ["negativePrompt", "guidance", "loras"],
    conditioning: [],
    tokenizers: {
      // The chat's own, with the system prompt.
      tokenizer: { kind: "text", maxPositions: textLength, reserved: 24, vocabSize: text.vocab_size },
    },
  };
}
