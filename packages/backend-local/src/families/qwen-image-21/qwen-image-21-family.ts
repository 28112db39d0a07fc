import type { Family } from "../family.ts";
import { evenLevels } from "../shared/even-levels.ts";
import { ownSigmas, qwenImage21Traits } from "./qwen-image-21-traits.ts";

/** Qwen-Image 2.1 (Qwen team 2026) and whatever was made of it. */
export const qwenImage21: Family = {
  id: "qwen-image-21",
  title: "Qwen-Image 2.1",
  pipelines: ["QwenImage21Pipeline"],
  parts: {
    textEncoder: { classes: ["Qwen3VLForConditionalGeneration", "Qwen3VLModel", "Qwen3VLTextModel"] },
    transformer: { classes: ["QwenImage21Transformer2DModel"] },
    vae: { classes: ["AutoencoderKLQwenImage21"] },
  },
  tokenizers: {
    tokenizer: { classes: ["Qwen3VLProcessor", "Qwen2Tokenizer", "Qwen2TokenizerFast"], folder: "processor" },
  },
  levels: (steps, _tokens, { index }) => {
    const own = ownSigmas(index);
    return own?.length === steps ? { sigmas: [...own] } : evenLevels(steps);
  },
  describe: qwenImage21Traits,
  engine: async () => (await import("./qwen-image-21.ts")).engine,
};
