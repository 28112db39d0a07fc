import type { Family } from "../family.ts";
import { evenLevels } from "../shared/even-levels.ts";
import { vaeClasses } from "../shared/vae-shape.ts";
import { flux1OptionsSchema, trueScale } from "./flux1-options.ts";
import { flux1Traits } from "./flux1-traits.ts";

/** FLUX.1 dev, schnell, Krea, Kontext and Fill (Black Forest Labs 2024) and whatever was made of them. */
export const flux1: Family = {
  id: "flux1",
  title: "FLUX.1",
  pipelines: ["FluxPipeline", "FluxImg2ImgPipeline", "FluxInpaintPipeline", "FluxFillPipeline", "FluxKontextPipeline"],
  parts: {
    textEncoder: { classes: ["CLIPTextModel", "CLIPTextModelWithProjection"] },
    textEncoder2: { classes: ["T5EncoderModel"] },
    transformer: { classes: ["FluxTransformer2DModel"] },
    vae: { classes: vaeClasses },
  },
  tokenizers: {
    tokenizer: { classes: ["CLIPTokenizer", "CLIPTokenizerFast"] },
    tokenizer2: { classes: ["T5TokenizerFast", "T5Tokenizer"] },
  },
  requestOptions: flux1OptionsSchema,
  levels: evenLevels,
  secondPassScale: trueScale,
  describe: flux1Traits,
  engine: async () => (await import("./flux1.ts")).engine,
};
