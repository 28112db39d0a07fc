import { expect, test } from "vitest";
import type { OpenModel } from "../family.ts";
import { flux2Codec } from "./flux2-codec.ts";
import { flux2Colours } from "./latent-colours.ts";

test("a preview has a pixel for each of the VAE's own squares, in a block's order: row, then column", async () => {
  const latent = new Float32Array(128 * 2 * 3);
  // The VAE's channel 3 is the fourth block of four; its third square is below the first, in the block of row 1 and column 2.
  latent[(3 * 4 + 2) * 6 + 5] = 1;
  const { signal } = new AbortController();
  const { data, width, height } = await flux2Codec.preview!({} as OpenModel, latent, [128, 2, 3], signal);
  expect([width, height]).toEqual([6, 4]);
  const pixel = (x: number, y: number) => [...data.subarray(3 * (y * 6 + x), 3 * (y * 6 + x) + 3)];
  const colour = (c: 0 | 1 | 2, value: number) =>
    Math.round((flux2Colours.bias[c] + value * flux2Colours.factors[3]![c] + 1) * 127.5);
  expect(pixel(4, 3)).toEqual([colour(0, 1), colour(1, 1), colour(2, 1)]);
  expect(pixel(5, 3)).toEqual([colour(0, 0), colour(1, 0), colour(2, 0)]);
});
