import type { Family } from "../family.ts";
import { evenLevels } from "../shared/even-levels.ts";
import { flux3Traits } from "./flux3-traits.ts";

/** FLUX.3 klein and klein base (Black Forest Labs 2026) and whatever was made of them. */
export const flux3: Family = {
  id: "flux3",
  title: "FLUX.3 klein",
  pipelines: ["Flux3ModularPipeline", "Flux3DistilledModularPipeline"],
  parts: {
    textEncoder: { classes: ["Qwen3VLForConditionalGeneration", "Qwen3VLModel"] },
    transformer: { classes: ["Flux3Transformer2DModel"] },
    vae: { classes: ["AutoencoderKLFlux2"] },
  },
  tokenizers: {
    tokenizer: { classes: ["Qwen3VLProcessor", "AutoProcessor", "Qwen2TokenizerFast", "Qwen2Tokenizer"] },
  },
  blocksScheduler: { _class_name: "FlowMatchEulerDiscreteScheduler", num_train_timesteps: 1000, shift: 6.93 },
  levels: evenLevels,
  describe: flux3Traits,
  engine: async () => (await import("./flux3.ts")).engine,
};
