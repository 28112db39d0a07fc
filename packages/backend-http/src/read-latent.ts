import { GenerationError, type LatentPayload } from "@latentkit/core";
import * as z from "zod";

const side = z.int().min(1).max(65_536);
const HeaderSchema = z.record(
  z.string(),
  z.object({
    dtype: z.literal("F32"),
    shape: z.union([z.tuple([z.literal(1), side, side, side]), z.tuple([side, side, side])]),
    data_offsets: z.tuple([z.int().min(0), z.int().min(0)]),
  }),
);

/**
 * The one tensor of a safetensors file (its header's length in 8 bytes, its header in JSON, its bytes).
 *
 * @throws GenerationError for a file of another form.
 */
export function readLatent(bytes: Buffer, backend: string): LatentPayload {
  try {
    const length = Number(bytes.readBigUInt64LE(0));
    const { __metadata__: _, ...tensors } = JSON.parse(bytes.toString("utf8", 8, 8 + length)) as Record<
      string,
      unknown
    >;
    const { shape: whole, data_offsets: offsets } = Object.values(HeaderSchema.parse(tensors))[0]!;
    const shape = whole.slice(-3) as [number, number, number];
    const [from, to] = offsets.map((offset) => 8 + length + offset) as [number, number];
    const data = bytes.subarray(from, to);
    if (data.length !== shape[0] * shape[1] * shape[2] * 4)
      throw new RangeError("its bytes are not as many as its shape needs");
    return { shape, base64: data.toString("base64") };
  } catch (cause) {
    throw new GenerationError("The server gave a latent of a form that is not known here.", { backend, cause });
  }
}
