import { ImageSourceSchema, InvalidRequestError } from "@latentkit/core";
import * as z from "zod";
import { backendId } from "../replicate-error.ts";

const ImageSchema = z.union([
  z.strictObject({ image: ImageSourceSchema, caption: z.string().optional() }),
  ImageSourceSchema.transform((image) => ({ image })),
]);

const TrainingOptionsSchema = z.strictObject({
  /** A model that trains, such as `ostris/flux-dev-lora-trainer`, with or without a version. */
  trainer: z.string().min(1),
  /** `owner/name` of the model that gets the result as a new version. */
  destination: z.string().regex(/^[\w.-]+\/[\w.-]+$/, "must be owner/name"),
  /** Makes the destination first, where it does not exist yet. */
  create: z
    .strictObject({
      visibility: z.enum(["private", "public"]).default("private"),
      /** A hardware's name of Replicate's, such as `"gpu-t4"`. */
      hardware: z.string().default("gpu-t4"),
      description: z.string().optional(),
    })
    .optional(),
  /** Pictures to learn from: a folder (with captions in `.txt` files beside them), or a list. */
  images: z.union([z.string().min(1), z.array(ImageSchema)]).optional(),
  /** A zip of pictures that lies somewhere already, instead of `images`. */
  imagesUrl: z.url().optional(),
  /** The word that will stand for what was learnt. */
  triggerWord: z.string().min(1).optional(),
  steps: z.int().min(1).optional(),
  learningRate: z.number().positive().optional(),
  /** Rank of the LoRA. */
  rank: z.int().min(1).optional(),
  /** The trainer's own inputs, as they stand. */
  input: z.record(z.string(), z.unknown()).default({}),
  webhook: z.url().optional(),
  webhookEvents: z
    .array(z.enum(["start", "output", "logs", "completed"]))
    .min(1)
    .optional(),
});

/** What a training is asked for. */
export type TrainingOptions = z.input<typeof TrainingOptionsSchema>;
/** Checked options of a training. */
export type ParsedTrainingOptions = z.output<typeof TrainingOptionsSchema>;

/** @throws InvalidRequestError naming each field that is wrong. */
export function parseTrainingOptions(options: unknown): ParsedTrainingOptions {
  const parsed = TrainingOptionsSchema.safeParse(options);
  if (!parsed.success)
    throw new InvalidRequestError(
      parsed.error.issues.map(({ path, message }) => ({ field: path.join("."), message })),
      { backend: backendId },
    );
  const { images, imagesUrl } = parsed.data;
  if (images !== undefined && imagesUrl !== undefined)
    throw new InvalidRequestError([{ field: "imagesUrl", message: "give images or imagesUrl, not both" }]);
  return parsed.data;
}
