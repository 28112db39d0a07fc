import type { Family } from "../family.ts";
import { unconditionalTraits } from "./unconditional-traits.ts";

/** Models that draw pixels without a prompt, of a class or of none: DDPM (Ho et al. 2020), DDIM (Song et al. 2021), consistency models (Song et al. 2023). */
export const unconditional: Family = {
  id: "unconditional",
  title: "unconditional pixel",
  pipelines: ["DDPMPipeline", "DDIMPipeline", "ConsistencyModelPipeline"],
  parts: { unet: { classes: ["UNet2DModel"] } },
  tokenizers: {},
  describe: unconditionalTraits,
  engine: async () => (await import("./unconditional.ts")).engine,
};
