import { z } from "zod";
import { flux1Sizes, wholeHeads } from "../flux-transformer/flux-config.ts";
import { parseConfig } from "../parse-config.ts";

const layers = z.int().min(0).max(256);

const fluxControlNetSchema = flux1Sizes
  .extend({
    num_layers: layers.default(19),
    num_single_layers: layers.default(38),
    /** Kinds of control that one network tells apart. */
    num_mode: z.int().positive().max(64).nullish(),
    extra_condition_channels: z
      .literal(0, { error: "ControlNets that are shown a mask (Inpainting) are not supported" })
      .default(0),
    conditioning_embedding_channels: z
      .null({
        error:
          "XLabs' ControlNets, which see the picture without the VAE, are not supported; InstantX's and Shakker Labs' are",
      })
      .nullish(),
  })
  .refine(wholeHeads.holds, wholeHeads.otherwise);

/** A FluxControlNetModel's checked configuration. */
export type FluxControlNetConfig = z.output<typeof fluxControlNetSchema>;

/** Checks a ControlNet's config.json. @throws {@link ModelError} naming the option that is wrong or unsupported. */
export function fluxControlNetConfig(config: unknown): FluxControlNetConfig {
  return parseConfig(fluxControlNetSchema, config, "FLUX.1 ControlNet");
}
