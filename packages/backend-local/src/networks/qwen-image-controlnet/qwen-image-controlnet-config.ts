import { z } from "zod";
import { wholeHeads } from "../flux-transformer/flux-config.ts";
import { parseConfig } from "../parse-config.ts";
import { qwenImageSizes } from "../qwen-image-transformer/qwen-image-config.ts";

const qwenImageControlNetSchema = qwenImageSizes
  .extend({
    extra_condition_channels: z
      .literal(0, { error: "ControlNets that are shown a mask (Inpainting) are not supported; the union is" })
      .default(0),
  })
  .refine(wholeHeads.holds, wholeHeads.otherwise);

/** A QwenImageControlNetModel's checked configuration. */
export type QwenImageControlNetConfig = z.output<typeof qwenImageControlNetSchema>;

/** Checks a ControlNet's config.json. @throws {@link ModelError} naming the option that is wrong or unsupported. */
export function qwenImageControlNetConfig(config: unknown): QwenImageControlNetConfig {
  return parseConfig(qwenImageControlNetSchema, config, "Qwen-Image ControlNet");
}
