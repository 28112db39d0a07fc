import type { Family } from "../family.ts";
import { noiseOptionsSchema } from "./noise-level.ts";
import { x4UpscalerTraits } from "./x4-upscaler-traits.ts";

/** Stable Diffusion's ×4 upscaler (Rombach et al. 2022): a picture is drawn anew at four times its sides, after a prompt. */
export const x4Upscaler: Family = {
  id: "x4-upscaler",
  title: "Stable Diffusion ×4 upscaler",
  pipelines: ["StableDiffusionUpscalePipeline"],
  parts: {
    textEncoder: { classes: ["CLIPTextModel", "CLIPTextModelWithProjection"] },
    unet: { classes: ["UNet2DConditionModel"] },
    vae: { classes: ["AutoencoderKL"] },
  },
  tokenizers: { tokenizer: { classes: ["CLIPTokenizer", "CLIPTokenizerFast"] } },
  schedulers: ["low_res_scheduler"],
  requestOptions: noiseOptionsSchema,
  describe: x4UpscalerTraits,
  engine: async () => (await import("./x4-upscaler.ts")).engine,
};
