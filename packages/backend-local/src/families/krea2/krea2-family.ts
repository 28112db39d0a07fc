import type { Family } from "../family.ts";
import { evenLevels } from "../shared/even-levels.ts";
import { isDistilled } from "./krea2-index.ts";
import { krea2Traits } from "./krea2-traits.ts";

/** The shift that the distilled model has at any size. */
const distilledMu = 1.15;

/** Krea 2 and Krea 2 Turbo (Krea AI 2026) and whatever was made of them. */
export const krea2: Family = {
  id: "krea2",
  title: "Krea 2",
  pipelines: ["Krea2Pipeline", "Krea2ModularPipeline", "Krea2TurboModularPipeline"],
  parts: {
    textEncoder: { classes: ["Qwen3VLModel", "Qwen3VLForConditionalGeneration", "Qwen3VLTextModel"] },
    transformer: { classes: ["Krea2Transformer2DModel"] },
    vae: { classes: ["AutoencoderKLQwenImage"] },
  },
  tokenizers: { tokenizer: { classes: ["Qwen2Tokenizer", "Qwen2TokenizerFast"] } },
  levels: (steps, _tokens, model) => ({ ...evenLevels(steps), ...(isDistilled(model) && { mu: distilledMu }) }),
  describe: krea2Traits,
  engine: async () => (await import("./krea2.ts")).engine,
};
