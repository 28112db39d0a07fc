import type { Family } from "../family.ts";
import { evenLevels } from "../shared/even-levels.ts";
import { vaeClasses } from "../shared/vae-shape.ts";
import { chromaTraits } from "./chroma-traits.ts";

/** Chroma (Lodestone Rock 2025) and whatever was made of it. */
export const chroma: Family = {
  id: "chroma",
  title: "Chroma",
  pipelines: ["ChromaPipeline", "ChromaImg2ImgPipeline", "ChromaInpaintPipeline"],
  parts: {
    textEncoder: { classes: ["T5EncoderModel"] },
    transformer: { classes: ["ChromaTransformer2DModel"] },
    vae: { classes: vaeClasses },
  },
  tokenizers: { tokenizer: { classes: ["T5TokenizerFast", "T5Tokenizer"] } },
  levels: evenLevels,
  describe: chromaTraits,
  engine: async () => (await import("./chroma.ts")).engine,
};
