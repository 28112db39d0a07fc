import * as z from "zod";
import { ImageSourceSchema } from "./image-source.ts";

const window = {
  start: z.number().min(0).max(1).default(0),
  end: z.number().min(0).max(1).default(1),
};

/** Kinds of structural control, after the ControlNet family's names. */
export const controlTypes = [
  "canny",
  "depth",
  "pose",
  "scribble",
  "line-art",
  "soft-edge",
  "normal",
  "segmentation",
  "tile",
  "blur",
  "gray",
  "low-quality",
  "inpaint",
  "custom",
] as const;

/** Fields of a conditioning that a backend honours only where its capabilities say so. */
export const conditioningOptions = [
  "prepare",
  "preprocessor",
  "softWeights",
  "guessMode",
  "imageEncoder",
  "mask",
] as const;
/** One of {@link conditioningOptions}. */
export type ConditioningOption = (typeof conditioningOptions)[number];

/** More text, added to the prompt with a weight. */
export const TextConditioningSchema = z.strictObject({
  kind: z.literal("text"),
  prompt: z.string(),
  weight: z.number().min(-10).max(10).default(1),
  ...window,
});

/** A picture used as a prompt (IP-Adapter, arXiv:2308.06721). */
export const ImagePromptConditioningSchema = z.strictObject({
  kind: z.literal("image-prompt"),
  image: ImageSourceSchema,
  model: z.string().optional(),
  imageEncoder: z.string().min(1).optional(),
  mask: ImageSourceSchema.optional(),
  strength: z.number().min(0).max(10).default(1),
  ...window,
});

/** A structural control (ControlNet, arXiv:2302.05543). */
export const ControlConditioningSchema = z.strictObject({
  kind: z.literal("control"),
  control: z.enum(controlTypes),
  image: ImageSourceSchema,
  model: z.string().optional(),
  prepare: z.boolean().optional(),
  preprocessor: z.string().min(1).optional(),
  softWeights: z.boolean().optional(),
  guessMode: z.boolean().optional(),
  strength: z.number().min(0).max(10).default(1),
  ...window,
});

/** A picture that a model which edits by instruction looks at, in the request's order: "the hat of picture 1 on the man of picture 2". */
export const ReferenceConditioningSchema = z.strictObject({
  kind: z.literal("reference"),
  image: ImageSourceSchema,
});

const kinds = [
  TextConditioningSchema,
  ImagePromptConditioningSchema,
  ControlConditioningSchema,
  ReferenceConditioningSchema,
] as const;

/** What steers a generation beside the prompt. */
export const ConditioningSchema = z
  .discriminatedUnion("kind", kinds)
  .refine((entry) => !("start" in entry) || entry.start <= entry.end, {
    path: ["end"],
    message: "must not be smaller than start",
  });

/** One parsed conditioning. */
export type Conditioning = z.output<typeof ConditioningSchema>;
/** Kinds of conditioning: `"text"`, `"image-prompt"`, `"control"`, `"reference"`. */
export type ConditioningKind = Conditioning["kind"];
