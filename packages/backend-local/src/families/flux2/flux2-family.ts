import type { Family } from "../family.ts";
import { evenLevels } from "../shared/even-levels.ts";
import { empiricalMu } from "./empirical-mu.ts";
import { flux2OptionsSchema } from "./flux2-options.ts";
import { flux2Traits } from "./flux2-traits.ts";

/** FLUX.2 klein, klein base and klein KV (Black Forest Labs 2026) and whatever was made of them. */
export const flux2: Family = {
  id: "flux2",
  title: "FLUX.2 klein",
  pipelines: ["Flux2KleinPipeline", "Flux2KleinKVPipeline", "Flux2KleinInpaintPipeline"],
  parts: {
    textEncoder: { classes: ["Qwen3ForCausalLM", "Qwen3Model"] },
    transformer: { classes: ["Flux2Transformer2DModel"] },
    vae: { classes: ["AutoencoderKLFlux2"] },
  },
  tokenizers: { tokenizer: { classes: ["Qwen2TokenizerFast", "Qwen2Tokenizer"] } },
  requestOptions: flux2OptionsSchema,
  levels: (steps, tokens) => ({ ...evenLevels(steps), mu: empiricalMu(tokens, steps) }),
  describe: flux2Traits,
  engine: async () => (await import("./flux2.ts")).engine,
};
