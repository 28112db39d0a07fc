import type { Pixels } from "@latentkit/core";
import { gaussianBlur } from "./gaussian-blur.ts";

/**
 * Line art, white on black, softly: how much darker each place is than its surroundings, in the channel that is least so, brought to a
 * brightness by the middle of all that are. What sd-webui-controlnet calls `lineart_standard`.
 */
export function lineArt(pixels: Pixels): Pixels {
  const darker = leastOver(pixels, (plane, blur) => {
    const around = blur(6);
    return plane.map((value, i) => around[i]! - value);
  }).map((value) => Math.min(255, Math.max(0, value)));
  const seen = darker.filter((value) => value > 8).sort();
  const middle = seen.length === 0 ? 0 : (seen[(seen.length - 1) >> 1]! + seen[seen.length >> 1]!) / 2;
  const brightness = 127 / Math.max(16, middle);
  return grey(
    pixels,
    darker.map((value) => Math.min(255, value * brightness)),
  );
}

/** A scribble, white on black: where a fine blur is darker than a wide one by more than a threshold (Winnemöller et al. 2012's XDoG, plain). */
export function scribble(pixels: Pixels, threshold = 32): Pixels {
  const darker = leastOver(pixels, (_, blur) => {
    const [fine, wide] = [blur(0.5), blur(5)];
    return fine.map((value, i) => wide[i]! - value);
  });
  return grey(
    pixels,
    darker.map((value) => (2 * Math.min(255, Math.max(0, value)) > threshold ? 255 : 0)),
  );
}

type Work = (plane: Float32Array, blur: (sigma: number) => Float32Array) => Float32Array;

/** A work's least value over a picture's channels, place by place. */
function leastOver({ width, height, channels, data }: Pixels, work: Work): Float32Array {
  const least = new Float32Array(width * height).fill(Number.POSITIVE_INFINITY);
  for (let c = 0; c < 3; c++) {
    const plane = Float32Array.from(least, (_, i) => data[i * channels + c]!);
    const made = work(plane, (sigma) => gaussianBlur(plane, width, height, sigma));
    for (const [i, value] of made.entries()) if (value < least[i]!) least[i] = value;
  }
  return least;
}

function grey({ width, height }: Pixels, values: Float32Array): Pixels {
  const data = new Uint8Array(3 * values.length);
  for (const [i, value] of values.entries()) data.fill(Math.floor(value), 3 * i, 3 * i + 3);
  return { width, height, channels: 3, data };
}
