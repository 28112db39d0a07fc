import type { z } from "zod";
import { fluxSizes, wholeHeads } from "../flux-transformer/flux-config.ts";
import { depth, parseConfig, size } from "../parse-config.ts";

const chromaSchema = fluxSizes
  .extend({
    approximator_num_channels: size.multipleOf(8).default(64),
    approximator_hidden_dim: size.default(5120),
    approximator_layers: depth.default(5),
  })
  .refine(wholeHeads.holds, wholeHeads.otherwise);

/** A ChromaTransformer2DModel's checked configuration. */
export type ChromaConfig = z.output<typeof chromaSchema>;

/** Checks a transformer's config.json. @throws {@link ModelError} naming the option that is wrong or unsupported. */
export function chromaConfig(config: unknown): ChromaConfig {
  return parseConfig(chromaSchema, config, "Chroma transformer");
}
