import type { Pixels } from "./codec.ts";
import { type ResampleFilter, type ResampleWeights, resampleWeights, weightBits } from "./resample-weights.ts";

/** How long the work may hold up the thread, in milliseconds. */
const breath = 12;

/**
 * Pixels resized to exactly `width` × `height` with a Lanczos (or bicubic) filter, as wide as a shrinking needs; the aspect ratio is not kept. Equal
 * to Pillow's `Image.resize(…, LANCZOS)` byte for byte, which is what diffusers resizes pictures and masks with: columns first, then rows,
 * each in whole numbers of 22 bits after the point, with 8 bits kept between them. A transparent picture is resized multiplied by its alpha.
 */
export async function resizeImage(
  pixels: Pixels,
  width: number,
  height: number,
  filter: ResampleFilter = "lanczos",
): Promise<Pixels> {
  const pause = pauser();
  const source = pixels.channels === 4 ? multiplied(pixels) : pixels;
  const wide = width === source.width ? source : await resizeColumns(source, width, filter, pause);
  const resized = height === source.height ? wide : await resizeRows(wide, height, filter, pause);
  if (resized === pixels) return { ...pixels, data: pixels.data.slice() };
  return pixels.channels === 4 ? divided(resized) : resized;
}

async function resizeColumns(
  from: Pixels,
  width: number,
  filter: ResampleFilter,
  pause: () => Promise<void>,
): Promise<Pixels> {
  const { height, channels, data } = from;
  const { first, count, weights, stride } = resampleWeights(from.width, width, filter);
  const out = new Uint8Array(width * height * channels);
  for (let y = 0, to = 0; y < height; y++) {
    const row = y * from.width * channels;
    for (let x = 0; x < width; x++) {
      const [taps, at] = [count[x]!, row + first[x]! * channels];
      for (let c = 0; c < channels; c++) {
        let sum = half;
        for (let i = 0, k = x * stride, p = at + c; i < taps; i++, k++, p += channels) sum += data[p]! * weights[k]!;
        out[to++] = toByte(sum);
      }
    }
    await pause();
  }
  return { width, height, channels, data: out };
}

async function resizeRows(
  from: Pixels,
  height: number,
  filter: ResampleFilter,
  pause: () => Promise<void>,
): Promise<Pixels> {
  const { width, channels, data } = from;
  const { first, count, weights, stride }: ResampleWeights = resampleWeights(from.height, height, filter);
  const row = width * channels;
  const out = new Uint8Array(row * height);
  const sums = new Int32Array(row);
  for (let y = 0; y < height; y++) {
    sums.fill(half);
    for (let i = 0; i < count[y]!; i++) {
      const [weight, at] = [weights[y * stride + i]!, (first[y]! + i) * row];
      for (let x = 0; x < row; x++) sums[x]! += data[at + x]! * weight;
    }
    for (let x = 0; x < row; x++) out[y * row + x] = toByte(sums[x]!);
    await pause();
  }
  return { width, height, channels, data: out };
}

const half = 1 << (weightBits - 1);

function toByte(sum: number): number {
  return Math.min(Math.max(sum >> weightBits, 0), 255);
}

/** Colours times alpha, rounded as Pillow does. */
function multiplied({ data, ...sizes }: Pixels): Pixels {
  const out = data.slice();
  for (let i = 0; i < out.length; i += 4)
    for (let c = i; c < i + 3; c++) {
      const product = out[c]! * out[i + 3]! + 128;
      out[c] = ((product >> 8) + product) >> 8;
    }
  return { ...sizes, data: out };
}

/** The way back, rounded down as Pillow does. */
function divided({ data, ...sizes }: Pixels): Pixels {
  const out = data.slice();
  for (let i = 0; i < out.length; i += 4) {
    const alpha = out[i + 3]!;
    if (alpha > 0 && alpha < 255)
      for (let c = i; c < i + 3; c++) out[c] = Math.min(255, Math.trunc((255 * out[c]!) / alpha));
  }
  return { ...sizes, data: out };
}

/** Lets others have the thread where it has been held for long. */
export function pauser(): () => Promise<void> {
  let since = performance.now();
  return async () => {
    if (performance.now() - since < breath) return;
    await new Promise((resolve) => setTimeout(resolve));
    since = performance.now();
  };
}
