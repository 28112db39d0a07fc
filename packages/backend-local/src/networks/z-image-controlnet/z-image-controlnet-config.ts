import { z } from "zod";
import { parseConfig, size } from "../parse-config.ts";

const places = z.array(z.int().min(0).max(255)).min(1);

const zImageControlNetSchema = z.object({
  control_layers_places: places.refine((all) => all[0] === 0, "must begin with 0"),
  control_refiner_layers_places: places.nullish(),
  control_in_dim: size,
  /**
   * Whether the control is refined beside the picture, by layers of its own (2.1) or by those that come later, too (2.0); or alone (1).
   */
  add_control_noise_refiner: z.enum(["control_layers", "control_noise_refiner"]).nullish(),
  all_patch_size: z.tuple([z.literal(2)]).default([2]),
  all_f_patch_size: z.tuple([z.literal(1)]).default([1]),
  dim: size.default(3840),
  n_refiner_layers: z.int().min(0).max(64).default(2),
  n_heads: size.default(30),
  norm_eps: z.number().positive().default(1e-5),
  qk_norm: z.boolean().default(true),
});

/** A ZImageControlNetModel's checked configuration. */
export type ZImageControlNetConfig = z.output<typeof zImageControlNetSchema>;

/** Checks a ControlNet's config.json. @throws {@link ModelError} naming the option that is wrong or unsupported. */
export function zImageControlNetConfig(config: unknown): ZImageControlNetConfig {
  return parseConfig(zImageControlNetSchema, config, "Z-Image ControlNet");
}
