import type { FamilyJob } from "../family.ts";
import type { Rows } from "../shared/rows.ts";
import type { XLConfig } from "./stable-diffusion-xl-config.ts";
import { xlOptions } from "./xl-options.ts";

/**
 * Micro-conditioning (https://arxiv.org/abs/2307.01952, section 2.2), one row: the original size (height, width),
 * the crop's corner (top, left), and the target size; or in the last one's place, as the refiner has it, an aesthetic score.
 */
export function timeIds(
  { request, settings: { width, height } }: FamilyJob,
  kind: XLConfig["timeIds"],
  isNegative: boolean,
): Rows {
  const options = xlOptions(request);
  const size = { width, height };
  const original = options.originalSize ?? size;
  const target = options.targetSize ?? size;
  const crop = options.cropTopLeft ?? { top: 0, left: 0 };
  const { negativeOriginalSize, negativeTargetSize } = options;
  // As diffusers' pipelines have it: the refiner's negative has no crop, nor has text-to-image's with sizes of its own.
  const hasSizes = request.task === "text-to-image" && (negativeOriginalSize ?? negativeTargetSize) !== undefined;
  const sharesCrop = kind === "sizes" && !hasSizes;
  const negative = {
    original: negativeOriginalSize ?? original,
    target: negativeTargetSize ?? target,
    crop: options.negativeCropTopLeft ?? (sharesCrop ? crop : { top: 0, left: 0 }),
  };
  const row = (of: typeof negative, score: number) => [
    ...[of.original.height, of.original.width, of.crop.top, of.crop.left],
    ...(kind === "sizes" ? [of.target.height, of.target.width] : [score]),
  ];
  const ids = isNegative
    ? row(negative, options.negativeAestheticScore ?? 2.5)
    : row({ original, target, crop }, options.aestheticScore ?? 6);
  return { data: Float32Array.from(ids), dims: [1, ids.length] };
}
