import { join } from "node:path";
import {
  createClient,
  encodeImage,
  type GeneratedImage,
  type GenerationInput,
  type Pixels,
  resizeImage,
} from "@latentkit/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { local } from "../local.ts";
import type { LocalBackend } from "../local-backend.ts";
import { difference } from "../testing/single-file.ts";
import { fixture } from "../testing/test-model.ts";

// Tasks over the engine's own, with the embedded model, and what each of them promises of its pixels.
let backend: LocalBackend;
beforeAll(() => {
  backend = local({ threads: 1 });
});
afterAll(() => backend.dispose());
const client = () => createClient({ backend });
const generate = (fields: object) =>
  client().generate({ prompt: "a red apple on a blue background", ...fields } as GenerationInput);
const pixels = async (fields: object) => (await generate(fields)).images[0]!.pixels();

test("stages are what image-to-image makes of one picture after the other", async () => {
  const first = await generate({ seed: 7, steps: 5 });
  const second = await generate({
    image: await first.images[0]!.bytes(),
    strength: 0.6,
    steps: 6,
    seed: 8,
    prompt: "a pumpkin",
  });
  const third = await pixels({ image: await second.images[0]!.bytes(), strength: 0.3, steps: 5, seed: 9 });
  const refine = [{ strength: 0.6, steps: 6, prompt: "a pumpkin" }, { strength: 0.3 }];
  const whole = await generate({ seed: 7, steps: 5, refine });
  const made = await whole.images[0]!.pixels();
  expect(difference(made.data, third.data).max).toBe(0);
  expect(difference(made.data, (await first.images[0]!.pixels()).data).mean).toBeGreaterThan(3);
  expect(whole.recipe.request).toMatchObject({ refine: [{ steps: 6, prompt: "a pumpkin" }, { steps: 5 }] });
  const again = await client().generate(JSON.parse(JSON.stringify(whole.images[0]!.recipe)));
  expect(difference((await again.images[0]!.pixels()).data, made.data).max).toBe(0);
});

describe("what is not painted is kept to the bit", () => {
  const outside = (data: Uint8Array, width: number, inside: (x: number, y: number) => boolean) =>
    data.filter((_, i) => !inside(Math.floor(i / 3) % width, Math.floor(i / 3 / width)));

  test("around a box of a picture that is given", async () => {
    const image = await generate({ seed: 7, steps: 8 });
    const old = await image.images[0]!.pixels();
    const box = { left: 20, top: 24, width: 17, height: 13 };
    const made = await pixels({
      image: await image.images[0]!.bytes(),
      strength: 0,
      refine: [{ box, strength: 0.8, steps: 4, prompt: "a face" }],
    });
    const inside = (x: number, y: number) => x >= 20 && x < 37 && y >= 24 && y < 37;
    expect(outside(made.data, made.width, inside)).toEqual(outside(old.data, old.width, inside));
    expect(difference(made.data, old.data).mean).toBeGreaterThan(0.2);
  });

  test("around a mask that is grown, painted alone", async () => {
    const image = await generate({ seed: 7, steps: 8 });
    const old = await image.images[0]!.pixels();
    const data = new Uint8Array(old.data.length);
    for (let y = 8; y < 20; y++) data.fill(255, 3 * (y * old.width + 8), 3 * (y * old.width + 20));
    const mask = await encodeImage({ ...old, channels: 3, data }, "png");
    const fields = {
      image: await image.images[0]!.bytes(),
      mask,
      maskGrow: 2,
      onlyMasked: true,
      maskPadding: 4,
      steps: 4,
    };
    const made = await pixels({ ...fields, prompt: "a green cactus" });
    const inside = (x: number, y: number) => x >= 6 && x < 22 && y >= 6 && y < 22;
    expect([made.width, made.height]).toEqual([old.width, old.height]);
    expect(outside(made.data, made.width, inside)).toEqual(outside(old.data, old.width, inside));
    expect(difference(made.data, old.data).mean).toBeGreaterThan(0.5);
  });

  test.each([
    [{ left: 24 }, 24, 0],
    [{ right: 19, bottom: 8 }, 0, 0],
    [{ top: 16, left: 8 }, 8, 16],
  ])("zooming out by %o", async (borders, left, top) => {
    const image = await generate({ seed: 7, steps: 6 });
    const old = await image.images[0]!.pixels();
    const made = await pixels({ image: await image.images[0]!.bytes(), ...borders, feather: 4, steps: 4 });
    expect(made.width - old.width).toBe(("right" in borders ? borders.right : 0) + left);
    for (let y = 8; y < old.height - 8; y++) {
      const from = 3 * ((y + top) * made.width + left + 8);
      const row = old.data.subarray(3 * (y * old.width + 8), 3 * (y * old.width + old.width - 8));
      expect(made.data.subarray(from, from + row.length)).toEqual(row);
    }
  });
});

/** Correlation of two pictures' colours, seen from afar: 1 is the same composition. */
async function similarity(a: Pixels, b: Pixels): Promise<number> {
  const [x, y] = (await Promise.all([a, b].map(async (each) => (await resizeImage(each, 16, 16)).data))) as [
    Uint8Array,
    Uint8Array,
  ];
  const mean = (values: Uint8Array) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [mx, my] = [mean(x), mean(y)];
  const dot = (p: Uint8Array, pm: number, q: Uint8Array, qm: number) =>
    p.reduce((sum, value, i) => sum + (value - pm) * (q[i]! - qm), 0);
  return dot(x, mx, y, my) / Math.sqrt(dot(x, mx, x, mx) * dot(y, my, y, my));
}

describe("a draft's picture keeps its composition", () => {
  test.each([
    ["in fewer steps", { steps: 24, draft: { steps: 6 } }],
    ["smaller", { steps: 12, width: 96, height: 96, draft: { scale: 2 / 3, steps: 8 } }],
  ])("%s", async (_, fields) => {
    const drafts = await generate({ prompt: "a cat", seed: 40, count: 3, ...fields });
    const seen = await Promise.all(drafts.images.map((image) => image.pixels()));
    for (const [i, draft] of [drafts.images[0]!, drafts.images[2]!].entries()) {
      const final = await client().final(draft as GeneratedImage);
      const made = await final.images[0]!.pixels();
      const alike = await Promise.all(seen.map((each) => similarity(each, made)));
      const own = alike[2 * i]!;
      expect(own).toBeGreaterThan(0.75);
      expect(own).toBe(Math.max(...alike));
    }
  });
});

test("variations stay near their picture, and go as far as another seed's", async () => {
  const convention = "a1111";
  const base = { seed: 7, steps: 8, noise: { convention } };
  const plain = await pixels(base);
  const noise = (subseedStrength: number) => ({ ...base, noise: { convention, subseed: 1, subseedStrength } });
  const [near, far] = [await pixels(noise(0.1)), await pixels(noise(1))];
  expect(difference((await pixels({ ...base, seed: 1 })).data, far.data).mean).toBeLessThan(0.5);
  const [little, much] = [difference(plain.data, near.data).mean, difference(plain.data, far.data).mean];
  expect(little).toBeGreaterThan(0.3);
  expect(little).toBeLessThan(much / 2);
});

test("a picture is enlarged and drawn anew in tiles, steered by a ControlNet tile by tile, after a network enlarged it", async () => {
  const image = await (await generate({ seed: 7, steps: 5 })).images[0]!.bytes();
  const model = fixture("pipelines/sd1");
  const conditioning = [{ kind: "control", control: "tile", image, model: join(fixture("controls"), "sd1-a") }];
  const upscaler = join(fixture("upscalers"), "compact-x2.safetensors");
  const fields = {
    task: "upscale",
    model,
    image,
    scale: 1.5,
    seed: 3,
    redraw: { strength: 0.5, steps: 4, tileSize: 64, tileOverlap: 16, upscaler },
  };
  const plain = await generate(fields);
  const made = await plain.images[0]!.pixels();
  expect([made.width, made.height]).toEqual([96, 96]);
  expect(plain.recipe.request).toMatchObject({ task: "upscale", redraw: { tileSize: 64, steps: 4 } });
  const steered = await pixels({ ...fields, conditioning });
  expect(difference(steered.data, made.data).mean).toBeGreaterThan(0.5);
  const again = await client().generate(plain.recipe, { inputs: [image] });
  expect(difference((await again.images[0]!.pixels()).data, made.data).max).toBe(0);
});
