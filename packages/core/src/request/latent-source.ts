import * as z from "zod";
import { toSafetensors } from "../latent/safetensors-bytes.ts";
import { type ImageSource, ImageSourceSchema } from "./image-source.ts";
import type { LatentInput } from "./input-types.ts";

/** Where a latent comes from, as plain data: the file of a latent, wherever it lies. */
export type LatentSource = ImageSource;

const shapeMessage = "must be [channels, height, width] or [count, channels, height, width], each side 1 to 16384";
const side = z.int(shapeMessage).min(1, shapeMessage).max(16384, shapeMessage);
const shape = z.array(side, shapeMessage).min(3, shapeMessage).max(4, shapeMessage);

const Values = z
  .strictObject({
    /** Row by row. */
    data: z.custom<Float32Array | readonly number[]>(
      (value) => value instanceof Float32Array || (Array.isArray(value) && value.every((v) => typeof v === "number")),
      "must be a Float32Array or a list of numbers",
    ),
    /** `[channels, height, width]`, or `[count, channels, height, width]` with one latent for each picture. */
    shape,
  })
  .transform((latent, context): LatentSource => {
    const data = Float32Array.from(latent.data);
    const size = latent.shape.reduce((product, side) => product * side, 1);
    const wrong = data.some((value) => !Number.isFinite(value))
      ? "data: must be finite numbers"
      : data.length !== size && `data: has ${data.length} values; its shape (${latent.shape.join("×")}) needs ${size}`;
    if (wrong) {
      context.addIssue({ code: "custom", message: wrong });
      return z.NEVER;
    }
    return { base64: Buffer.from(toSafetensors("latents", latent.shape, data)).toString("base64") };
  });

/**
 * A latent: `{ data, shape }`; or its file (path, URL, bytes, or a {@link LatentSource}): a `.safetensors` or `.latent` with one
 * latent in it, or a `.npy`. Parsed to a {@link LatentSource}.
 */
export const LatentSourceSchema = z.unknown().transform((input, context): LatentSource => {
  const isValues = typeof input === "object" && input !== null && ("data" in input || "shape" in input);
  const parsed = (isValues ? Values : ImageSourceSchema).safeParse(input);
  if (parsed.success) return parsed.data;
  for (const issue of parsed.error.issues) {
    const [known] = isValues ? [issue.message] : [describe(issue)];
    context.addIssue({ code: "custom", path: issue.path, message: known });
  }
  return z.NEVER;
}) as z.ZodType<LatentSource, LatentInput>;

function describe({ code, message }: z.core.$ZodIssue): string {
  return code === "invalid_union"
    ? "must be { data, shape }, or the path, the URL or the bytes of a .safetensors or .npy file"
    : message;
}
