import type { Family } from "../family.ts";
import { evenLevels } from "../shared/even-levels.ts";
import { vaeClasses } from "../shared/vae-shape.ts";
import { zImageTraits } from "./z-image-traits.ts";

/** Z-Image and Z-Image-Turbo (https://arxiv.org/abs/2511.22699) and whatever was made of them. */
export const zImage: Family = {
  id: "z-image",
  title: "Z-Image",
  pipelines: ["ZImagePipeline", "ZImageImg2ImgPipeline", "ZImageInpaintPipeline"],
  parts: {
    textEncoder: { classes: ["Qwen3Model", "Qwen3ForCausalLM"] },
    transformer: { classes: ["ZImageTransformer2DModel"] },
    vae: { classes: vaeClasses },
  },
  tokenizers: { tokenizer: { classes: ["Qwen2Tokenizer", "Qwen2TokenizerFast"] } },
  levels: evenLevels,
  describe: zImageTraits,
  engine: async () => (await import("./z-image.ts")).engine,
};
