import type { Family } from "../family.ts";
import { sanaTraits } from "./sana-traits.ts";

/** Sana and Sana 1.5 (https://arxiv.org/abs/2410.10629, https://arxiv.org/abs/2501.18427) and whatever was made of them. */
export const sana: Family = {
  id: "sana",
  title: "Sana",
  pipelines: ["SanaPipeline"],
  parts: {
    textEncoder: { classes: ["Gemma2Model"] },
    transformer: { classes: ["SanaTransformer2DModel"] },
    vae: { classes: ["AutoencoderDC"] },
  },
  tokenizers: { tokenizer: { classes: ["GemmaTokenizerFast", "GemmaTokenizer"] } },
  describe: sanaTraits,
  engine: async () => (await import("./sana.ts")).engine,
};
