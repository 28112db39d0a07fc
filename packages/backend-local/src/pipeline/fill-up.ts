import type { Pixels } from "@latentkit/core";
import type { AloneRules } from "../families/traits.ts";

type Size = Pick<Pixels, "width" | "height">;

/** How a picture is filled up, and what its sides are then multiples of. */
export interface FillRules extends AloneRules {
  readonly multipleOf: number;
}

/** Sides filled up to multiples. */
function filledUp({ width, height }: Size, { multipleOf, minSide, maxSide }: FillRules): Size {
  const side = (own: number) => Math.min(maxSide, Math.max(minSide, Math.ceil(own / multipleOf) * multipleOf));
  return { width: side(width), height: side(height) };
}

/** The size that a picture is made smaller to, so that it is not too large when it is filled up, as by diffusers' Flux3ImageProcessor. */
export function sizeToFill({ width, height }: Size, rules: FillRules): Size {
  const { area, maxSide } = rules;
  let scale = Math.min(1, Math.sqrt(area / (width * height)), maxSide / Math.max(width, height));
  for (;;) {
    const size = { width: Math.max(1, halfToEven(width * scale)), height: Math.max(1, halfToEven(height * scale)) };
    const whole = filledUp(size, rules);
    if (whole.width * whole.height <= area) return size;
    scale *= 0.995;
  }
}

/** Rounded as Python does. */
function halfToEven(value: number): number {
  const below = Math.floor(value);
  const over = value - below;
  return over > 0.5 || (over === 0.5 && below % 2 === 1) ? below + 1 : below;
}

/** A picture in the middle of one whose sides are multiples; around it lies its reflection, without the edge's own pixels unless it is small. */
export function fillUp(picture: Pixels, rules: FillRules): Pixels {
  const { width, height, channels, data } = picture;
  const whole = filledUp(picture, rules);
  if (whole.width === width && whole.height === height) return picture;
  const edge = Math.min(width, height) > rules.multipleOf ? 0 : 1;
  const columns = reflected(width, whole.width, edge);
  const filled = new Uint8Array(whole.width * whole.height * channels);
  let at = 0;
  for (const y of reflected(height, whole.height, edge))
    for (const x of columns) for (let c = 0; c < channels; c++) filled[at++] = data[(y * width + x) * channels + c]!;
  return { ...whole, channels, data: filled };
}

/** Which of `own` places stands at each of `whole`: those before and after are mirrored, over and over; `edge` says whether the mirror shows the last one. */
function reflected(own: number, whole: number, edge: 0 | 1): number[] {
  const first = Math.floor((whole - own) / 2);
  const period = Math.max(1, 2 * (own - 1 + edge));
  return Array.from({ length: whole }, (_, i) => {
    const at = (((i - first) % period) + period) % period;
    return at < own ? at : period - at - edge;
  });
}
