import type { Family } from "../family.ts";
import { evenLevels } from "../shared/even-levels.ts";
import { qwenImageTraits } from "./qwen-image-traits.ts";

/** Qwen-Image (https://arxiv.org/abs/2508.02324), its version 2512 too, Qwen-Image-Edit, its versions 2509 and 2511 too, and whatever was made of them. */
export const qwenImage: Family = {
  id: "qwen-image",
  title: "Qwen-Image",
  pipelines: [
    ...["QwenImagePipeline", "QwenImageImg2ImgPipeline", "QwenImageInpaintPipeline"],
    ...["QwenImageEditPipeline", "QwenImageEditPlusPipeline", "QwenImageEditInpaintPipeline"],
  ],
  parts: {
    textEncoder: { classes: ["Qwen2_5_VLForConditionalGeneration", "Qwen2_5_VLModel", "Qwen2_5_VLTextModel"] },
    transformer: { classes: ["QwenImageTransformer2DModel"] },
    vae: { classes: ["AutoencoderKLQwenImage"] },
  },
  tokenizers: { tokenizer: { classes: ["Qwen2Tokenizer", "Qwen2TokenizerFast"] } },
  levels: evenLevels,
  describe: qwenImageTraits,
  engine: async () => (await import("./qwen-image.ts")).engine,
};
