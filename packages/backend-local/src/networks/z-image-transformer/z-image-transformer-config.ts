import { z } from "zod";
import { depth, only, parseConfig, size } from "../parse-config.ts";

/** Options that z-image's published transformers agree on; defaults are diffusers'. */
const zImageSchema = z
  .object({
    all_patch_size: z.tuple([z.literal(2)]).default([2]),
    all_f_patch_size: z.tuple([z.literal(1)]).default([1]),
    in_channels: size.default(16),
    dim: size.default(3840),
    n_layers: depth.default(30),
    n_refiner_layers: depth.default(2),
    n_heads: size.default(30),
    norm_eps: z.number().positive().default(1e-5),
    qk_norm: z.boolean().default(true),
    cap_feat_dim: size.default(2560),
    siglip_feat_dim: only(null),
    rope_theta: z.number().positive().default(256),
    t_scale: z.number().positive().default(1000),
    axes_dims: z.tuple([size, size, size]).default([32, 48, 48]),
    axes_lens: z.tuple([size, size, size]).default([1024, 512, 512]),
  })
  .superRefine(({ dim, n_heads, axes_dims }, context) => {
    const issue = (option: string, message: string) => context.addIssue({ code: "custom", path: [option], message });
    if (dim % n_heads !== 0) issue("n_heads", `must divide dim ${dim}`);
    const headSize = axes_dims.reduce((sum, each) => sum + each, 0);
    if (headSize !== dim / n_heads || axes_dims.some((each) => each % 2 !== 0))
      issue("axes_dims", `must be even sizes that add up to a head's ${dim / n_heads}`);
  });

/** A ZImageTransformer2DModel's checked configuration. */
export type ZImageConfig = z.output<typeof zImageSchema>;

/** Checks a transformer's config.json. @throws {@link ModelError} naming the option that is wrong or unsupported. */
export function zImageConfig(config: unknown): ZImageConfig {
  return parseConfig(zImageSchema, config, "Z-Image transformer");
}
