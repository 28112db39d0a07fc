import { z } from "zod";
import { depth, parseConfig, size } from "../parse-config.ts";

const flux2Schema = z
  .object({
    patch_size: z.literal(1).default(1),
    in_channels: size.default(128),
    out_channels: size.nullish(),
    num_layers: depth.default(8),
    num_single_layers: depth.default(48),
    attention_head_dim: size.default(128),
    num_attention_heads: size.default(48),
    joint_attention_dim: size.default(15_360),
    timestep_guidance_channels: size.default(256),
    mlp_ratio: z.number().positive().max(16).default(3),
    axes_dims_rope: z.array(size.multipleOf(2)).length(4).default([32, 32, 32, 32]),
    rope_theta: z.number().positive().default(2000),
    eps: z.number().positive().default(1e-6),
    guidance_embeds: z.boolean().default(true),
  })
  .refine((config) => config.axes_dims_rope.reduce((sum, each) => sum + each, 0) === config.attention_head_dim, {
    path: ["axes_dims_rope"],
    message: "must add up to attention_head_dim",
  });

/** A Flux2Transformer2DModel's checked configuration. */
export type Flux2Config = z.output<typeof flux2Schema>;

/** Checks a transformer's config.json. @throws {@link ModelError} naming the option that is wrong or unsupported. */
export function flux2Config(config: unknown): Flux2Config {
  return parseConfig(flux2Schema, config, "FLUX.2 transformer");
}
