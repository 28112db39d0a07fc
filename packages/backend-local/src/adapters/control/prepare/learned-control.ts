import { type Pixels, resizeImage } from "@latentkit/core";
import type { InferenceSession, Tensor } from "onnxruntime-node";
import type { Runtime } from "../../../engine/runtime.ts";
import { invalidField } from "../../../invalid-field.ts";
import type { ControlInput } from "../control-input.ts";

/** ImageNet's means and deviations, which depth and normal estimators are trained with. */
const imageNet = { mean: [0.485, 0.456, 0.406], deviation: [0.229, 0.224, 0.225] };
const plain = { mean: [0, 0, 0], deviation: [1, 1, 1] };

/** Where a network takes any size: the shorter side of estimators, and what both must be multiples of. */
const side = 518;
const multiple = 14;

/**
 * A control picture by a network in an ONNX file: one input `[1, 3, height, width]`, the photo in float32, normalised by ImageNet's means and
 * deviations for depth and normals, 0 to 1 for all else; its first output `[1, height, width]` or `[1, 1 or 3, height, width]`. One channel is
 * spread over all of black to white; three are read as 0 to 1 or −1 to 1.
 *
 * @throws InvalidRequestError naming the field, for a file that is no such network.
 */
export async function learnedControl(input: ControlInput, path: string, runtime: Runtime): Promise<Pixels> {
  const { pixels, control, field } = input;
  const fail = (message: string, cause?: unknown) => invalidField(`${field}.preprocessor`, `${path} ${message}`, cause);
  let session: InferenceSession;
  try {
    session = await runtime.InferenceSession.create(path, runtime.sessionOptions);
  } catch (cause) {
    throw fail(`can't be opened as an ONNX network: ${(cause as Error).message}`, cause);
  }
  try {
    const [port, ...others] = session.inputMetadata;
    if (port === undefined || !port.isTensor || others.length > 0 || port.shape.length !== 4)
      throw fail("must have one input, of the shape [1, 3, height, width]");
    const [height, width] = port.shape
      .slice(2)
      .map((size) => (typeof size === "number" && size > 0 ? size : undefined));
    const estimates = control === "depth" || control === "normal";
    const own = estimates ? estimatorSize(pixels) : pixels;
    const photo = await resizeImage(pixels, width ?? own.width, height ?? own.height, "bicubic");
    const data = normalised(photo, estimates ? imageNet : plain);
    const tensor = new runtime.Tensor("float32", data, [1, 3, photo.height, photo.width]);
    const results = await session.run({ [port.name]: tensor }).catch((cause: Error) => {
      throw fail(`failed on a picture of ${photo.width}×${photo.height}: ${cause.message}`, cause);
    });
    const made = toPicture(results[session.outputNames[0]!]!);
    if (made === undefined) throw fail("must give [1, height, width] or [1, 1 or 3, height, width] in float32");
    return await resizeImage(made, pixels.width, pixels.height, "bicubic");
  } finally {
    await session.release();
  }
}

function estimatorSize({ width, height }: Pixels) {
  const scale = side / Math.min(width, height);
  const fit = (size: number) => Math.max(multiple, Math.round((size * scale) / multiple) * multiple);
  return { width: fit(width), height: fit(height) };
}

function normalised({ width, height, channels, data }: Pixels, { mean, deviation }: typeof plain): Float32Array {
  const n = width * height;
  const planes = new Float32Array(3 * n);
  for (let c = 0; c < 3; c++)
    for (let i = 0; i < n; i++) planes[c * n + i] = (data[i * channels + c]! / 255 - mean[c]!) / deviation[c]!;
  return planes;
}

function toPicture({ type, dims, data }: Tensor): Pixels | undefined {
  const [width, height, channels = 1, batch = 1] = dims.toReversed();
  const fits = type === "float32" && dims.length >= 3 && dims.length <= 4 && batch === 1;
  if (!fits || width === undefined || height === undefined || (channels !== 1 && channels !== 3)) return undefined;
  const values = data as Float32Array;
  const [low, high] = rangeOf(values, channels);
  const n = width * height;
  const rgb = new Uint8ClampedArray(3 * n);
  for (let i = 0; i < n; i++) {
    for (let c = 0; c < 3; c++) {
      const value = values[channels === 1 ? i : c * n + i]!;
      rgb[3 * i + c] = ((value - low) / (high - low || 1)) * 255;
    }
  }
  return { width, height, channels: 3, data: new Uint8Array(rgb.buffer) };
}

/** What black and white are. */
function rangeOf(values: Float32Array, channels: number): [low: number, high: number] {
  let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) {
    if (value < least) least = value;
    if (value > most) most = value;
  }
  if (channels === 3 && least >= -1.001 && most <= 1.001) return [least < -0.001 ? -1 : 0, 1];
  return [least, most];
}
