/**
 * Draws the README's pictures with the embedded model, through the SDK, into docs/images/pictures.png.
 *
 *     node --conditions=latentkit-source tools/pictures.ts
 */
import { writeFile } from "node:fs/promises";
import { local } from "../packages/backend-local/src/index.ts";
import { createClient, encodeImage, type Pixels } from "../packages/core/src/index.ts";

const prompts = [
  "a red apple on a blue background",
  "a penguin on snow",
  "a green cactus in a desert",
  "a sailboat at sunset",
  "a pumpkin on a purple background",
  "a rocket in a starry night",
  "a snowman on snow",
  "a sunflower on grass",
];
const columns = 4;
const scale = 2;
const gap = 8;

const client = createClient({ backend: local() });
const pictures: Pixels[] = [];
for (const prompt of prompts) {
  const { images } = await client.generate({ prompt, seed: 7 });
  pictures.push(await images[0]!.pixels());
}
await client.dispose();
await writeFile(new URL("../docs/images/pictures.png", import.meta.url), await encodeImage(tiled(pictures), "png"));

/** The pictures in rows, enlarged without smoothing, on white. */
function tiled(tiles: readonly Pixels[]): Pixels {
  const { width: side } = tiles[0]!;
  const step = side * scale + gap;
  const width = columns * step - gap;
  const height = Math.ceil(tiles.length / columns) * step - gap;
  const data = new Uint8Array(width * height * 3).fill(255);
  for (const [i, tile] of tiles.entries()) {
    const [left, top] = [(i % columns) * step, Math.floor(i / columns) * step];
    for (let y = 0; y < side * scale; y++) {
      for (let x = 0; x < side * scale; x++) {
        const from = (Math.floor(y / scale) * side + Math.floor(x / scale)) * tile.channels;
        data.set(tile.data.subarray(from, from + 3), ((top + y) * width + left + x) * 3);
      }
    }
  }
  return { width, height, channels: 3, data };
}
