import type { Family } from "../family.ts";
import { vaeClasses } from "../shared/vae-shape.ts";
import { stableDiffusionXLTraits } from "./stable-diffusion-xl-traits.ts";
import { xlOptionsSchema } from "./xl-options.ts";

const clip = ["CLIPTextModel", "CLIPTextModelWithProjection"];
const tokenizer = ["CLIPTokenizer", "CLIPTokenizerFast"];

/** Stable Diffusion XL and its refiner (Podell et al. 2023, https://arxiv.org/abs/2307.01952) and whatever was made of them. */
export const stableDiffusionXL: Family = {
  id: "stable-diffusion-xl",
  title: "Stable Diffusion XL",
  pipelines: [
    "StableDiffusionXLPipeline",
    "StableDiffusionXLImg2ImgPipeline",
    "StableDiffusionXLInpaintPipeline",
    "StableDiffusionXLInstructPix2PixPipeline",
  ],
  parts: {
    // The refiner has the second alone.
    textEncoder: { classes: clip, optional: true },
    textEncoder2: { classes: clip },
    unet: { classes: ["UNet2DConditionModel"] },
    vae: { classes: vaeClasses },
  },
  tokenizers: { tokenizer: { classes: tokenizer, optional: true }, tokenizer2: { classes: tokenizer } },
  requestOptions: xlOptionsSchema,
  describe: stableDiffusionXLTraits,
  engine: async () => (await import("./stable-diffusion-xl.ts")).engine,
};
