import { z } from "zod";
import { parseConfig } from "../parse-config.ts";
import { sd3Sizes, sd3Width } from "../sd3-transformer/sd3-config.ts";

const official =
  "Stability's ControlNets of Stable Diffusion 3.5, which see no text, are not supported; InstantX's are";

const sd3ControlNetSchema = sd3Sizes
  .extend({
    joint_attention_dim: sd3Sizes.shape.joint_attention_dim.unwrap().nullish().default(4096),
    pos_embed_type: z.literal("sincos", { error: official }).default("sincos"),
    use_pos_embed: z.literal(true, { error: official }).default(true),
    extra_conditioning_channels: z
      .literal(0, { error: "ControlNets that are shown a mask (Inpainting) are not supported" })
      .default(0),
    /** Whether it is shown no view of the text as a whole, and the picture's latent without the VAE's shift. */
    force_zeros_for_pooled_projection: z.boolean().default(true),
  })
  .refine(({ joint_attention_dim: size }) => size !== null, { path: ["joint_attention_dim"], message: official })
  .refine(sd3Width.holds, sd3Width.otherwise)
  .transform((config) => ({ ...config, joint_attention_dim: config.joint_attention_dim! }));

/** An SD3ControlNetModel's checked configuration. */
export type SD3ControlNetConfig = z.output<typeof sd3ControlNetSchema>;

/** Checks a ControlNet's config.json. @throws {@link ModelError} naming the option that is wrong or unsupported. */
export function sd3ControlNetConfig(config: unknown): SD3ControlNetConfig {
  return parseConfig(sd3ControlNetSchema, config, "Stable Diffusion 3 ControlNet");
}
