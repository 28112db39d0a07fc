import type { Family } from "../family.ts";
import { vaeClasses } from "../shared/vae-shape.ts";
import { pixartTraits } from "./pixart-traits.ts";

/** PixArt-Σ (https://arxiv.org/abs/2403.04692) and whatever was made of it. */
export const pixart: Family = {
  id: "pixart-sigma",
  title: "PixArt-Σ",
  pipelines: ["PixArtSigmaPipeline"],
  parts: {
    textEncoder: { classes: ["T5EncoderModel"] },
    transformer: { classes: ["PixArtTransformer2DModel", "Transformer2DModel"] },
    vae: { classes: vaeClasses },
  },
  tokenizers: { tokenizer: { classes: ["T5Tokenizer", "T5TokenizerFast"] } },
  describe: pixartTraits,
  engine: async () => (await import("./pixart.ts")).engine,
};
