import type { LatentDims } from "../family.ts";

/** A guided prediction `[channels, height, width]` in which each token, a block of 2×2, is as long as that of the conditional one. */
export function lengthOfTokens(
  guided: Float32Array,
  cond: Float32Array,
  [channels, height, width]: LatentDims,
): Float32Array {
  const plane = height * width;
  const out = new Float32Array(guided.length);
  for (let y = 0; y < height; y += 2)
    for (let x = 0; x < width; x += 2) {
      const corner = y * width + x;
      const at = [corner, corner + 1, corner + width, corner + width + 1];
      let [own, wanted] = [0, 0];
      for (let c = 0; c < channels; c++)
        for (const each of at) {
          own += guided[c * plane + each]! ** 2;
          wanted += cond[c * plane + each]! ** 2;
        }
      const factor = own === 0 ? 1 : Math.sqrt(wanted / own);
      for (let c = 0; c < channels; c++)
        for (const each of at) out[c * plane + each] = guided[c * plane + each]! * factor;
    }
  return out;
}

/** A guided prediction `[channels, height, width]` in which each row of squares is as long as that of the conditional one. */
export function lengthOfRows(guided: Float32Array, cond: Float32Array, width: number): Float32Array {
  const out = new Float32Array(guided.length);
  const length = (of: Float32Array, from: number) => Math.hypot(...of.subarray(from, from + width));
  for (let from = 0; from < guided.length; from += width) {
    const own = length(guided, from);
    const factor = own === 0 ? 1 : length(cond, from) / own;
    for (let i = from; i < from + width; i++) out[i] = guided[i]! * factor;
  }
  return out;
}
