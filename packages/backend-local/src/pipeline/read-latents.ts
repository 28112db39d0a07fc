import {
  type CallInputs,
  type GenerationRequest,
  InvalidRequestError,
  loadImageSource,
  ModelError,
} from "@latentkit/core";
import type { Traits } from "../families/traits.ts";
import { isNpy, parseNpy } from "../files/npy.ts";
import { parseSafetensors } from "../files/safetensors.ts";
import { isFloatType, toFloat32 } from "../files/to-float32.ts";

/** A request's latents: one for all of its pictures, or one for each. */
export interface Latents {
  /** `[n, channels, height, width]`, flattened, in the network's scale. */
  data: Float32Array;
  /** Pixels of the picture that they stand for. */
  width: number;
  height: number;
}

/** What ComfyUI's SaveLatent calls its latent; this marks one that is in the VAE's own scale, unlike older files. */
const comfyTensor = "latent_tensor";
const comfyMark = "latent_format_version_0";

/** Names under which a file may hold a latent among other tensors. */
const names = ["latents", comfyTensor, "samples"];

/**
 * Reads a request's latent, where it has one: a safetensors file with one tensor, or one called `latents`, `samples` or, as ComfyUI's
 * SaveLatent writes it, `latent_tensor`; or a `.npy` file.
 *
 * @throws InvalidRequestError naming `latent` when the file is none, or does not fit the model or the request.
 */
export async function readLatents(
  request: GenerationRequest,
  traits: Traits,
  signal: AbortSignal,
  rules: CallInputs = {},
): Promise<Latents | undefined> {
  const source = "latent" in request ? request.latent : undefined;
  if (source === undefined) return undefined;
  const bytes = Buffer.from(await loadImageSource(source, { ...rules, field: "latent", signal }));
  const file = parse(bytes, traits);
  if (file.data.some((value) => !Number.isFinite(value))) throw invalid("has values that are no finite numbers");
  const [n, channels, height, width] = file.shape.length === 3 ? [1, ...file.shape] : file.shape;
  if (file.shape.length < 3 || file.shape.length > 4 || channels !== traits.latentChannels) {
    const right = `[${traits.latentChannels}, height, width]`;
    throw invalid(
      `has the shape [${file.shape.join(", ")}]; must be ${right}, or [count, …] with one for each picture`,
    );
  }
  if (n !== 1 && n !== request.count)
    throw invalid(`holds ${n} latents; must be 1, or one for each of the ${request.count} pictures`);
  return { data: file.data, ...sizeOf(request, width! * traits.scale, height! * traits.scale, traits) };
}

/** A latent has the picture's size already: the request need not name it, and must not name another. */
function sizeOf(request: GenerationRequest, width: number, height: number, traits: Traits) {
  for (const [field, side] of Object.entries({ width, height }) as ["width" | "height", number][]) {
    const { minSide, maxSide, multipleOf, scale } = traits;
    if (side < minSide || side > maxSide || side % multipleOf !== 0) {
      const fits = `${minSide} to ${maxSide} and a multiple of ${multipleOf}`;
      throw invalid(`is of a ${field} of ${side / scale}, which makes ${side} pixels; these must be ${fits}`);
    }
    const asked = request[field];
    if (asked !== undefined && asked !== side) {
      const issue = { field, message: `must be ${side}, the latent's own, not ${asked}`, allowed: [side] };
      throw new InvalidRequestError([issue], { backend: "local" });
    }
  }
  return { width, height };
}

type Scaling = Pick<Traits, "scalingFactor" | "shiftFactor">;

function parse(bytes: Buffer, scaling: Scaling): { shape: readonly number[]; data: Float32Array } {
  try {
    return isNpy(bytes) ? parseNpy(bytes) : fromSafetensors(bytes, scaling);
  } catch (cause) {
    if (InvalidRequestError.isInstance(cause)) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    const message = ModelError.isInstance(cause) ? why.replace(/\.$/, "") : `is not a .npy file: ${why}`;
    throw invalid(message, cause);
  }
}

function fromSafetensors(
  bytes: Buffer,
  { scalingFactor, shiftFactor = 0 }: Scaling,
): { shape: readonly number[]; data: Float32Array } {
  const { tensors } = parseSafetensors("the file", bytes);
  const [only] = tensors.size === 1 ? tensors.keys() : names.filter((name) => tensors.has(name));
  const tensor = tensors.get(only ?? "");
  if (tensor === undefined) {
    throw invalid(`the file holds ${tensors.size} tensors; must be one, or one called ${names.join(", ")}`);
  }
  const { dtype, offset, length, shape } = tensor;
  if (!isFloatType(dtype)) throw invalid(`has values of type ${dtype}; must be F16, BF16, F32 or F64`);
  const data = toFloat32(bytes.subarray(offset, offset + length), dtype);
  const isVaes = tensor.name === comfyTensor && tensors.has(comfyMark);
  return { shape, data: isVaes ? data.map((value) => (value - shiftFactor) * scalingFactor) : data };
}

function invalid(message: string, cause?: unknown): InvalidRequestError {
  return new InvalidRequestError([{ field: "latent", message }], { backend: "local", cause });
}
