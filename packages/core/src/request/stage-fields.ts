import * as z from "zod";
import { ImageSourceSchema } from "./image-source.ts";
import { SeedSchema } from "./seed.ts";
import { samplerName, schedulerName } from "./shared-fields.ts";

// What each field means stands in input-types.ts, which has the same fields.
/** How a mask is changed, and how much is looked at around it. */
export const maskFields = {
  maskGrow: z.int().min(-1024).max(1024).optional(),
  maskBlur: z.number().min(0).max(128).optional(),
  maskPadding: z.int().min(0).max(4096).optional(),
};

const place = z.int().min(0).max(16_384);
const BoxSchema = z.strictObject({ left: place, top: place, width: place.min(1), height: place.min(1) });

/** A picture gone on with. */
export const RefineSchema = z
  .strictObject({
    strength: z.number().min(0).max(1).default(0.3),
    steps: z.int().min(1).max(1000).optional(),
    prompt: z.string().optional(),
    negativePrompt: z.string().optional(),
    guidanceScale: z.number().min(0).max(100).optional(),
    sampler: samplerName.optional(),
    scheduler: schedulerName.optional(),
    seed: SeedSchema.optional(),
    box: BoxSchema.optional(),
    mask: ImageSourceSchema.optional(),
    ...maskFields,
  })
  .refine(({ box, mask }) => box === undefined || mask === undefined, {
    path: ["mask"],
    message: "give a box or a mask, not both",
  });
/** One stage of a refinement. */
export type RefineStage = z.output<typeof RefineSchema>;

/** A look at what a request would make, at less cost. */
export const DraftSchema = z.strictObject({
  steps: z.int().min(1).max(1000).optional(),
  scale: z.number().min(0.1).max(1).default(1),
});

/** An enlarged picture drawn anew, tile by tile. */
export const RedrawSchema = z.strictObject({
  strength: z.number().min(0).max(1).default(0.35),
  steps: z.int().min(1).max(1000).optional(),
  tileSize: z.int().min(16).max(4096).optional(),
  tileOverlap: z.int().min(0).max(1024).default(64),
  upscaler: z.string().min(1).optional(),
});
