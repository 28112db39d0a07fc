import type { Family } from "../family.ts";
import { evenLevels } from "../shared/even-levels.ts";
import { vaeClasses } from "../shared/vae-shape.ts";
import { lumina2Traits } from "./lumina2-traits.ts";

/** Lumina Image 2.0 (https://arxiv.org/abs/2503.21758) and whatever was made of it. */
export const lumina2: Family = {
  id: "lumina2",
  title: "Lumina Image 2.0",
  pipelines: ["Lumina2Pipeline", "Lumina2Text2ImgPipeline"],
  parts: {
    textEncoder: { classes: ["Gemma2Model", "Gemma2ForCausalLM"] },
    transformer: { classes: ["Lumina2Transformer2DModel"] },
    vae: { classes: vaeClasses },
  },
  tokenizers: { tokenizer: { classes: ["GemmaTokenizerFast", "GemmaTokenizer"] } },
  levels: evenLevels,
  describe: lumina2Traits,
  engine: async () => (await import("./lumina2.ts")).engine,
};
