import type { Pixels } from "../image/codec.ts";

// Wang et al. 2004, "Image quality assessment: from error visibility to structural similarity", section III-C.
const sigma = 1.5;
const radius = 5;
const c1 = (0.01 * 255) ** 2;
const c2 = (0.03 * 255) ** 2;

const kernel = (() => {
  const weights = Array.from({ length: 2 * radius + 1 }, (_, i) => Math.exp(-((i - radius) ** 2) / (2 * sigma ** 2)));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
})();

/**
 * Mean structural similarity of two pictures' luma (Rec. 601), under a Gaussian window of 11 pixels with σ 1.5; pixels whose window leaves
 * the picture don't count, unless the picture is smaller than a window.
 */
export function ssimOf(a: Pixels, b: Pixels): number {
  const { width, height } = a;
  const [x, y] = [lumaOf(a), lumaOf(b)];
  const product = (p: Float64Array, q: Float64Array) => p.map((value, i) => value * q[i]!);
  const smooth = (plane: Float64Array) => blur(plane, width, height);
  const [mx, my] = [smooth(x), smooth(y)];
  const [xx, yy, xy] = [smooth(product(x, x)), smooth(product(y, y)), smooth(product(x, y))];
  const inset = Math.min(width, height) > 2 * radius ? radius : 0;
  let [sum, count] = [0, 0];
  for (let row = inset; row < height - inset; row++) {
    for (let column = inset; column < width - inset; column++) {
      const i = row * width + column;
      const [ux, uy] = [mx[i]!, my[i]!];
      const covariance = xy[i]! - ux * uy;
      const variances = xx[i]! - ux * ux + yy[i]! - uy * uy;
      sum += ((2 * ux * uy + c1) * (2 * covariance + c2)) / ((ux * ux + uy * uy + c1) * (variances + c2));
      count++;
    }
  }
  return sum / count;
}

function lumaOf({ width, height, channels, data }: Pixels): Float64Array {
  const luma = new Float64Array(width * height);
  for (let i = 0; i < luma.length; i++)
    luma[i] = 0.299 * data[i * channels]! + 0.587 * data[i * channels + 1]! + 0.114 * data[i * channels + 2]!;
  return luma;
}

/** Both ways, one after the other; beyond the edge the picture is mirrored. */
function blur(plane: Float64Array, width: number, height: number): Float64Array {
  const across = pass(plane, width, height, 1, width);
  return pass(across, height, width, width, 1);
}

function pass(plane: Float64Array, length: number, lines: number, step: number, stride: number): Float64Array {
  const result = new Float64Array(plane.length);
  for (let line = 0; line < lines; line++) {
    for (let at = 0; at < length; at++) {
      let sum = 0;
      for (let tap = -radius; tap <= radius; tap++)
        sum += kernel[tap + radius]! * plane[line * stride + mirrored(at + tap, length) * step]!;
      result[line * stride + at * step] = sum;
    }
  }
  return result;
}

function mirrored(at: number, length: number): number {
  const period = 2 * length;
  const inside = ((at % period) + period) % period;
  return inside < length ? inside : period - 1 - inside;
}
