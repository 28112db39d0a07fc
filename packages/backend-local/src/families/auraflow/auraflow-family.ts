import type { Family } from "../family.ts";
import { vaeClasses } from "../shared/vae-shape.ts";
import { auraflowTraits } from "./auraflow-traits.ts";

/** AuraFlow (https://blog.fal.ai/auraflow) and whatever was made of it. */
export const auraflow: Family = {
  id: "auraflow",
  title: "AuraFlow",
  pipelines: ["AuraFlowPipeline"],
  parts: {
    textEncoder: { classes: ["UMT5EncoderModel"] },
    transformer: { classes: ["AuraFlowTransformer2DModel"] },
    vae: { classes: vaeClasses },
  },
  tokenizers: {
    tokenizer: { classes: ["LlamaTokenizerFast", "LlamaTokenizer", "T5TokenizerFast", "T5Tokenizer"] },
  },
  describe: auraflowTraits,
  engine: async () => (await import("./auraflow.ts")).engine,
};
