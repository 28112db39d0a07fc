import { z } from "zod";
import { depth, parseConfig, size } from "../parse-config.ts";

/** Sizes of networks of FLUX.1's shape. */
export const fluxSizes = z.object({
  patch_size: z.literal(1).default(1),
  in_channels: size.default(64),
  out_channels: size.nullish(),
  num_layers: depth.default(19),
  num_single_layers: depth.default(38),
  attention_head_dim: size.default(128),
  num_attention_heads: size.default(24),
  joint_attention_dim: size.default(4096),
  axes_dims_rope: z.array(size.multipleOf(2)).length(3).default([16, 56, 56]),
});

/** {@link fluxSizes}, checked. */
export type FluxSizes = z.output<typeof fluxSizes>;

/** All of a head's numbers turn. */
export const wholeHeads = {
  holds: (config: Pick<FluxSizes, "axes_dims_rope" | "attention_head_dim">) =>
    config.axes_dims_rope.reduce((sum, each) => sum + each, 0) === config.attention_head_dim,
  otherwise: { path: ["axes_dims_rope"], message: "must add up to attention_head_dim" },
};

/** {@link fluxSizes} with what FLUX.1 sees of the text as a whole, and of the scale of guidance. */
export const flux1Sizes = fluxSizes.extend({
  pooled_projection_dim: size.default(768),
  guidance_embeds: z.boolean().default(false),
});

const fluxSchema = flux1Sizes.refine(wholeHeads.holds, wholeHeads.otherwise);

/** A FluxTransformer2DModel's checked configuration. */
export type FluxConfig = z.output<typeof fluxSchema>;

/** Checks a transformer's config.json. @throws {@link ModelError} naming the option that is wrong or unsupported. */
export function fluxConfig(config: unknown): FluxConfig {
  return parseConfig(fluxSchema, config, "FLUX.1 transformer");
}
