import { createClient, type Pixels, readRecipe } from "@latentkit/core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { local } from "../local.ts";
import type { LocalBackend } from "../local-backend.ts";

let backend: LocalBackend;
beforeAll(() => {
  backend = local();
});
afterAll(() => backend.dispose());

/** Mean colour of the pixels that `where` picks. */
function meanColour({ width, height, channels, data }: Pixels, where: (x: number, y: number) => boolean): number[] {
  const sums = [0, 0, 0];
  let count = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (!where(x / width, y / height)) continue;
      count++;
      for (let c = 0; c < 3; c++) sums[c] = sums[c]! + data[(y * width + x) * channels + c]!;
    }
  }
  return sums.map((sum) => sum / count);
}

test("without arguments the embedded model draws what the prompt says, and its recipe draws it again", async () => {
  const client = createClient({ backend });
  const { images, recipe } = await client.generate({ prompt: "a red apple on a blue background", seed: 7, steps: 12 });
  expect(recipe.model).toMatchObject({ id: "@latentkit/tiny-model", hash: expect.stringMatching(/^sha256:/) });
  const pixels = await images[0]!.pixels();
  const [red, , blue] = meanColour(pixels, (x, y) => Math.hypot(x - 0.5, y - 0.5) < 0.12);
  expect(red, "the middle is red").toBeGreaterThan(blue! + 50);
  const [edgeRed, , edgeBlue] = meanColour(pixels, (x, y) => x < 0.08 || x > 0.92 || y < 0.08);
  expect(edgeBlue, "the edge is blue").toBeGreaterThan(edgeRed! + 50);

  const png = await images[0]!.bytes("png");
  const again = await client.generate(await readRecipe(png));
  expect(Buffer.compare(await again.images[0]!.bytes("png"), png)).toBe(0);
});

test.each(["heun", "pndm", "uni_pc", "restart", "sa_solver", "dpm_fast"])(
  "%s finds the picture that euler finds, though the model's betas end near 1",
  async (sampler) => {
    const client = createClient({ backend });
    const request = { prompt: "a penguin on snow", seed: 3 };
    const [euler, other] = await Promise.all([
      client.generate({ ...request, sampler: "euler" }),
      client.generate({ ...request, sampler }),
    ]);
    const [expected, drawn] = await Promise.all([euler.images[0]!.pixels(), other.images[0]!.pixels()]);
    const distance = drawn.data.reduce((sum, value, i) => sum + Math.abs(value - expected.data[i]!), 0);
    // 3 to 8 levels of 255; without the model's limit it is 40 to 150.
    expect(distance / drawn.data.length).toBeLessThan(15);
  },
);
