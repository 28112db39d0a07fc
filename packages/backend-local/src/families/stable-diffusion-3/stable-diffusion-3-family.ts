import type { Family } from "../family.ts";
import { vaeClasses } from "../shared/vae-shape.ts";
import { stableDiffusion3Traits } from "./stable-diffusion-3-traits.ts";

const clip = ["CLIPTextModelWithProjection", "CLIPTextModel"];
const tokenizer = ["CLIPTokenizer", "CLIPTokenizerFast"];

/** Stable Diffusion 3 and 3.5 (Esser et al. 2024, https://arxiv.org/abs/2403.03206) and whatever was made of them. */
export const stableDiffusion3: Family = {
  id: "stable-diffusion-3",
  title: "Stable Diffusion 3",
  pipelines: ["StableDiffusion3Pipeline", "StableDiffusion3Img2ImgPipeline", "StableDiffusion3InpaintPipeline"],
  parts: {
    textEncoder: { classes: clip },
    textEncoder2: { classes: clip },
    // T5 takes most of the memory: zeros stand for its states where it is left out.
    textEncoder3: { classes: ["T5EncoderModel"], optional: true },
    transformer: { classes: ["SD3Transformer2DModel"] },
    vae: { classes: vaeClasses },
  },
  tokenizers: {
    tokenizer: { classes: tokenizer },
    tokenizer2: { classes: tokenizer },
    tokenizer3: { classes: ["T5TokenizerFast", "T5Tokenizer"], optional: true },
  },
  describe: stableDiffusion3Traits,
  engine: async () => (await import("./stable-diffusion-3.ts")).engine,
};
