import { z } from "zod";
import { depth, parseConfig, size } from "../parse-config.ts";

const flux3Schema = z
  .object({
    in_channels: size.multipleOf(4).default(128),
    cond_in_channels: size.default(128),
    num_layers: depth.default(5),
    num_single_layers: depth.default(28),
    attention_head_dim: size.default(128),
    num_attention_heads: size.default(24),
    joint_attention_dim: size.default(20_480),
    timestep_channels: size.multipleOf(2).default(256),
    mlp_ratio: z.number().positive().max(16).default(3),
    axes_dims_rope: z.array(size.multipleOf(2)).length(4).default([32, 32, 32, 32]),
    rope_theta: z.number().positive().default(10_000),
    eps: z.number().positive().default(1e-6),
    flow_map: z.boolean().default(false),
  })
  .refine((config) => config.axes_dims_rope.reduce((sum, each) => sum + each, 0) === config.attention_head_dim, {
    path: ["axes_dims_rope"],
    message: "must add up to attention_head_dim",
  });

/** A Flux3Transformer2DModel's checked configuration. */
export type Flux3Config = z.output<typeof flux3Schema>;

/** Checks a transformer's config.json. @throws {@link ModelError} naming the option that is wrong or unsupported. */
export function flux3Config(config: unknown): Flux3Config {
  return parseConfig(flux3Schema, config, "FLUX.3 transformer");
}
