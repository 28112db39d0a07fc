import type { Family } from "../family.ts";
import { vaeClasses } from "../shared/vae-shape.ts";
import { stableDiffusionTraits } from "./stable-diffusion-traits.ts";

/** Stable Diffusion 1 and 2 (Rombach et al. 2022, https://arxiv.org/abs/2112.10752) and whatever was made of them. */
export const stableDiffusion: Family = {
  id: "stable-diffusion",
  title: "Stable Diffusion 1 and 2",
  pipelines: [
    "StableDiffusionPipeline",
    "StableDiffusionImg2ImgPipeline",
    "StableDiffusionInpaintPipeline",
    "StableDiffusionInstructPix2PixPipeline",
    "LatentConsistencyModelPipeline",
  ],
  parts: {
    textEncoder: { classes: ["CLIPTextModel", "CLIPTextModelWithProjection"] },
    unet: { classes: ["UNet2DConditionModel"] },
    vae: { classes: vaeClasses },
  },
  tokenizers: { tokenizer: { classes: ["CLIPTokenizer", "CLIPTokenizerFast"] } },
  describe: stableDiffusionTraits,
  engine: async () => (await import("./stable-diffusion.ts")).engine,
};
