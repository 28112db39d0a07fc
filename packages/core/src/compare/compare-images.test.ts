import { expect, it } from "vitest";
import type { Pixels } from "../image/codec.ts";
import { compareImages, differenceMap } from "./compare-images.ts";
import cases from "./fixtures/skimage.json" with { type: "json" };

const pixels = (width: number, height: number, channels: 3 | 4, data: Uint8Array): Pixels => ({
  width,
  height,
  channels,
  data,
});

it.each(cases)("measures as scikit-image and numpy do: %#", ({ width, height, a, b, ...expected }) => {
  const [first, second] = [a, b].map((base64) => pixels(width, height, 3, Buffer.from(base64, "base64")));
  const { ssim, mean, max, differing, equal } = compareImages(first!, second!);
  expect({ max, differing, equal }).toEqual({ max: expected.max, differing: expected.differing, equal: false });
  expect(mean).toBeCloseTo(expected.mean, 10);
  expect(ssim).toBeCloseTo(expected.ssim, 10);
});

it("finds a picture equal to itself, opaque where one has no alpha, and refuses another size", () => {
  const rgb = pixels(2, 1, 3, Uint8Array.of(1, 2, 3, 4, 5, 6));
  const rgba = pixels(2, 1, 4, Uint8Array.of(1, 2, 3, 255, 4, 5, 6, 255));
  expect(compareImages(rgb, rgba)).toEqual({ equal: true, mean: 0, max: 0, differing: 0, ssim: 1 });
  rgba.data[7] = 0;
  expect(compareImages(rgb, rgba)).toMatchObject({ equal: false, max: 255, differing: 1 });
  expect(() => compareImages(rgb, pixels(1, 2, 3, rgb.data))).toThrow(/2×1 and 1×2/);
});

it("draws where they differ: black, red, yellow, white", () => {
  const a = pixels(4, 1, 3, new Uint8Array(12));
  const b = pixels(4, 1, 3, Uint8Array.of(0, 0, 0, 21, 0, 0, 0, 43, 0, 0, 0, 90));
  const { data } = differenceMap(a, b);
  expect([...data.subarray(0, 3)]).toEqual([0, 0, 0]);
  expect(data[3]).toBeGreaterThan(240);
  expect(data[4]).toBe(0);
  expect([data[6], data[7]]).toEqual([255, 255]);
  expect(data[8]).toBeLessThan(10);
  expect([...data.subarray(9)]).toEqual([255, 255, 255]);
});
