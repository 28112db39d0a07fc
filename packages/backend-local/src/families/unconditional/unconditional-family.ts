import type { Family } from "../family.ts";
import { unconditionalTraits } from "./unconditional-traits.ts";

/** Models that draw pixels without a prompt: DDPM (Ho et al. 2020) and DDIM (Song et al. 2021). */
export const unconditional: Family = {
  id: "unconditional",
  title: "unconditional pixel",
  pipelines: ["DDPMPipeline", "DDIMPipeline"],
  parts: { unet: { classes: ["UNet2DModel"] } },
  tokenizers: {},
  describe: unconditionalTraits,
  engine: async () => (await import("./unconditional.ts")).engine,
};
