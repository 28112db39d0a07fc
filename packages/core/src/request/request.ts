import * as z from "zod";
import { ImageSourceSchema } from "./image-source.ts";
import { LatentSourceSchema } from "./latent-source.ts";
import { promptFields, sharedFields } from "./shared-fields.ts";
import { DraftSchema, maskFields, RedrawSchema, RefineSchema } from "./stage-fields.ts";

/** Strength of each task that has one, where the request is silent. */
export const defaultStrength: Readonly<Record<string, number>> = { "image-to-image": 0.8, inpaint: 1, outpaint: 1 };

const refine = z.array(RefineSchema).min(1).max(16).optional();

// What each field means stands in input-types.ts, which has the same fields.
const TextToImage = z.strictObject({
  task: z.literal("text-to-image"),
  ...promptFields,
  ...sharedFields,
  latent: LatentSourceSchema.optional(),
  refine,
  draft: DraftSchema.optional(),
});

const ImageToImage = z.strictObject({
  task: z.literal("image-to-image"),
  ...promptFields,
  ...sharedFields,
  image: ImageSourceSchema.optional(),
  latent: LatentSourceSchema.optional(),
  strength: z.number().min(0).max(1).default(defaultStrength["image-to-image"]!),
  imageGuidanceScale: z.number().min(0).max(100).optional(),
  refine,
});

const keepUnmasked = z.boolean().default(true);

const Inpaint = z.strictObject({
  task: z.literal("inpaint"),
  ...promptFields,
  ...sharedFields,
  image: ImageSourceSchema,
  mask: ImageSourceSchema,
  ...maskFields,
  onlyMasked: z.boolean().optional(),
  strength: z.number().min(0).max(1).default(1),
  keepUnmasked,
  refine,
});

const border = z.int().min(0).max(8192).default(0);

const Outpaint = z.strictObject({
  task: z.literal("outpaint"),
  ...promptFields,
  ...sharedFields,
  image: ImageSourceSchema,
  left: border,
  right: border,
  top: border,
  bottom: border,
  feather: z.int().min(0).max(512).default(16),
  strength: z.number().min(0).max(1).default(1),
  keepUnmasked,
  refine,
});

const Upscale = z.strictObject({
  task: z.literal("upscale"),
  ...promptFields,
  prompt: z.string().optional(),
  ...sharedFields,
  image: ImageSourceSchema,
  scale: z.number().min(1).max(16).default(2),
  redraw: RedrawSchema.optional(),
});

const Unconditional = z.strictObject({
  task: z.literal("unconditional"),
  ...sharedFields,
  classLabel: z.int().min(0).max(1_000_000).optional(),
});

/** One generation, whole and explicit: the tagged union that each backend is given. */
export const GenerationRequestSchema = z.discriminatedUnion("task", [
  TextToImage,
  ImageToImage,
  Inpaint,
  Outpaint,
  Upscale,
  Unconditional,
]);

/** Every task's name. */
export const tasks = ["text-to-image", "image-to-image", "inpaint", "outpaint", "upscale", "unconditional"] as const;
/** `"text-to-image"`, `"image-to-image"`, `"inpaint"`, `"outpaint"`, `"upscale"` or `"unconditional"`. */
export type Task = (typeof tasks)[number];

/** A validated request: plain data that survives JSON. */
export type GenerationRequest = z.output<typeof GenerationRequestSchema>;
/** A request of one task. */
export type RequestOf<T extends Task> = Extract<GenerationRequest, { task: T }>;

/** An upscale that is drawn anew in tiles. */
export type Redraw = RequestOf<"upscale"> & { redraw: NonNullable<RequestOf<"upscale">["redraw"]> };

/** Whether a request is a {@link Redraw}. */
export function redraws(request: GenerationRequest): request is Redraw {
  return request.task === "upscale" && request.redraw !== undefined;
}

/** Names of a task's fields, or of those of a field that has some of its own: `["output"]`, `["conditioning", 0]`. */
export function fieldsAt(task: Task, path: readonly PropertyKey[] = []): readonly string[] {
  const option = GenerationRequestSchema.options.find((member) => member.shape.task.value === task);
  const found = path.reduce<readonly unknown[]>((schemas, key) => schemas.flatMap((one) => inside(one, key)), [option]);
  const shapes = found.flatMap(bare).flatMap((schema) => ("shape" in schema ? [schema.shape as object] : []));
  return [...new Set(shapes.flatMap(Object.keys))];
}

/** The schemas of an object's field, or of a list's entries. */
function inside(schema: unknown, key: PropertyKey): unknown[] {
  return bare(schema).flatMap((each) => {
    if ("shape" in each) return [(each.shape as Record<PropertyKey, unknown>)[key]];
    return "element" in each ? [each.element] : [];
  });
}

/** What stands below `optional()`, `default()` and their like; of a union each of its members. */
function bare(schema: unknown): object[] {
  if (typeof schema !== "object" || schema === null) return [];
  const { def } = schema as { def?: { innerType?: unknown; options?: readonly unknown[] } };
  if (def?.options !== undefined) return def.options.flatMap(bare);
  return def?.innerType === undefined ? [schema] : bare(def.innerType);
}
