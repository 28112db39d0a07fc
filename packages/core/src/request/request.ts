import { z } from "zod";
import { ImageSourceSchema } from "./image-source.ts";
import { type LatentInput, LatentSourceSchema } from "./latent-source.ts";
import { promptFields, sharedFields } from "./shared-fields.ts";

/** Strength of each task that has one, where the request is silent. */
export const defaultStrength: Readonly<Record<string, number>> = { "image-to-image": 0.8, inpaint: 1, outpaint: 1 };

const TextToImage = z.strictObject({
  task: z.literal("text-to-image"),
  ...promptFields,
  ...sharedFields,
  /**
   * With `startStep`: the latent that an earlier request left there, gone on with as it is. Without: the noise to start from, of unit
   * variance, as diffusers' `latents`.
   */
  latent: LatentSourceSchema.optional(),
});

const ImageToImage = z.strictObject({
  task: z.literal("image-to-image"),
  ...promptFields,
  ...sharedFields,
  /** The picture to begin with; or `latent`. */
  image: ImageSourceSchema.optional(),
  /** The picture's latent, clean and in the network's scale (the VAE's times its scaling factor), in place of `image`. */
  latent: LatentSourceSchema.optional(),
  /** How far to move from the image: 0 keeps it, 1 ignores it. */
  strength: z.number().min(0).max(1).default(defaultStrength["image-to-image"]!),
  /**
   * How much the input picture guides a model that edits by instruction (InstructPix2Pix, arXiv:2211.09800): 1 is off, 1.5 usual,
   * below 1 turns `guidanceScale` off too. The model's own default where absent.
   */
  imageGuidanceScale: z.number().min(0).max(100).optional(),
});

/** What a painted picture keeps of the one that it was made from. */
const keepUnmasked = z.boolean().default(true);

const Inpaint = z.strictObject({
  task: z.literal("inpaint"),
  ...promptFields,
  ...sharedFields,
  image: ImageSourceSchema,
  /** White where the picture is to be painted anew, black where it is kept. */
  mask: ImageSourceSchema,
  strength: z.number().min(0).max(1).default(1),
  /**
   * Whether the picture is kept bit for bit where the mask is black, on every backend. Default true. False leaves what the model made
   * of it: the VAE changes every pixel a little.
   */
  keepUnmasked,
});

const border = z.int().min(0).max(8192).default(0);

const Outpaint = z.strictObject({
  task: z.literal("outpaint"),
  ...promptFields,
  ...sharedFields,
  image: ImageSourceSchema,
  /** Pixels to add on each side; at least one side must grow. */
  left: border,
  right: border,
  top: border,
  bottom: border,
  /** Width in pixels of the soft edge between old and new. */
  feather: z.int().min(0).max(512).default(16),
  strength: z.number().min(0).max(1).default(1),
  /** Whether the old picture is kept bit for bit but for its soft edge, on every backend. Default true. */
  keepUnmasked,
});

const Upscale = z.strictObject({
  task: z.literal("upscale"),
  ...promptFields,
  prompt: z.string().optional(),
  ...sharedFields,
  image: ImageSourceSchema,
  /** Enlargement of each side. */
  scale: z.number().gt(1).max(16).default(2),
});

const Unconditional = z.strictObject({ task: z.literal("unconditional"), ...sharedFields });

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

/** Fields that a request without a task must not have: the compiler then asks for the task. */
type OtherTasksOnly = Partial<
  Record<
    "image" | "mask" | "strength" | "scale" | "left" | "right" | "top" | "bottom" | "feather" | "keepUnmasked",
    never
  >
>;

/** What a user writes: `task` may be left out, and is then text-to-image. */
export type GenerationInput =
  | (Omit<z.input<typeof TextToImage>, "task"> & { task?: "text-to-image" } & OtherTasksOnly)
  | (z.input<typeof ImageToImage> & ({ image: z.input<typeof ImageSourceSchema> } | { latent: LatentInput }))
  | z.input<typeof Inpaint>
  | z.input<typeof Outpaint>
  | z.input<typeof Upscale>
  | z.input<typeof Unconditional>;

/** Names of a task's fields. */
export function fieldsOf(task: Task): readonly string[] {
  const option = GenerationRequestSchema.options.find((member) => member.shape.task.value === task);
  return Object.keys(option?.shape ?? {});
}
