import { z } from "zod";
import { modelError } from "../../files/model-error.ts";
import { parseConfig, size } from "../parse-config.ts";

/** What the parts of Qwen's models that see pictures say of themselves alike. */
export const visionSizes = z.object({
  in_channels: size.default(3),
  spatial_merge_size: size.max(8).default(2),
  temporal_patch_size: size.max(8).default(2),
  rope_parameters: z.object({ rope_theta: z.literal(10_000).optional() }).nullish(),
});

/** Heads whose numbers are turned in pairs by rows and by columns. */
export const turnedHeads = {
  holds: (config: { hidden_size: number; num_heads: number }) => (config.hidden_size / config.num_heads) % 4 === 0,
  otherwise: { path: ["num_heads"], message: "must divide hidden_size into heads that rows and columns can turn" },
};

/** Checks a text encoder's `vision_config`. @throws {@link ModelError} naming the option. */
export function parseVision<Schema extends z.ZodType>(schema: Schema, config: unknown): z.output<Schema> {
  const { vision_config: vision } = (config ?? {}) as { vision_config?: unknown };
  if (vision != null) return parseConfig(schema, vision, "Vision tower");
  const message = "Text encoder: vision_config is missing: what sees pictures is not in its files";
  throw modelError("unsupported", message, { option: "vision_config" });
}
