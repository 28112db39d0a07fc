import { expect, test } from "vitest";
import { fillUp, sizeToFill } from "./fill-up.ts";

const rules = { area: 4 * 1024 * 1024, maxSide: 4096, minSide: 64, multipleOf: 16 };
/** A square whose pixels say where they are: column, row, 0. */
function square(side: number) {
  const data = new Uint8Array(3 * side * side);
  for (let y = 0, at = 0; y < side; y++) for (let x = 0; x < side; x++, at += 3) data.set([x, y], at);
  return { width: side, height: side, channels: 3 as const, data };
}

// numpy.pad(range(20), (22, 22), "reflect") and numpy.pad(range(5), (29, 30), "symmetric"), 8 on each side of the picture and it.
test.each([
  [20, 14, [8, 7, 6, 5, 4, 3, 2, 1, ...Array(20).keys(), 18, 17, 16, 15, 14, 13, 12, 11]],
  [5, 21, [2, 3, 4, 4, 3, 2, 1, 0, ...Array(5).keys(), 4, 3, 2, 1, 0, 0, 1, 2]],
])("a picture of %i is filled up by its reflection, with the edge twice if it is small", (side, from, row) => {
  const { width, height, data } = fillUp(square(side), rules);
  expect([width, height]).toEqual([64, 64]);
  expect(row.map((_, i) => data[3 * (from + i)])).toEqual(row);
  expect(row.map((_, i) => data[3 * 64 * (from + i) + 1])).toEqual(row);
});

test("one whose sides fit stays as it is", () => {
  const picture = square(64);
  expect(fillUp(picture, rules)).toBe(picture);
});

// _resize_if_canvas_exceeds_area of diffusers 0.42.1's Flux3ImageProcessor.
test.each([
  [100, 79, 100, 79],
  [3000, 2000, 2496, 1664],
  [5000, 30, 4096, 25],
  [4097, 1023, 4096, 1023],
  [2051, 2047, 2040, 2036],
  [2048, 2050, 2037, 2039],
])("%i×%i is made %i×%i before", (width, height, smaller, lower) => {
  expect(sizeToFill({ width, height }, rules)).toEqual({ width: smaller, height: lower });
});
