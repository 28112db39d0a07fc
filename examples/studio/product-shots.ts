import { writeFile } from "node:fs/promises";
import { encodeImage, loadClient, type Pixels } from "@latentkit/core";

// One product on many backgrounds, as a contact sheet and as single pictures.
const client = await loadClient();
const { images } = await client.generate({ prompt: "a guitar on a white background", seed: 11 });
const product = await images[0]!.pixels();
const scenes = ["in the desert", "in the snow", "by the sea at sunset", "in a starry night", "on grass"];

const sweep = client.sweep({
  task: "inpaint",
  image: await encodeImage(product, "png"),
  mask: await encodeImage(around(product), "png"),
  prompt: scenes.map((scene) => `a guitar ${scene}`),
  seed: 5,
});
const { cells, contactSheet } = await sweep;
for (const [i, { image }] of cells.entries()) console.log(await image?.save(`product-${i}.png`));
await writeFile("product-shots.png", await encodeImage(await contactSheet({ cell: 192 }), "png"));
console.log("product-shots.png");
await client.dispose();

/** White around the product: wherever a pixel or one beside it is nearly the colour of the corner. */
function around({ width, height, channels, data }: Pixels): Pixels {
  const isPlain = (x: number, y: number) => {
    const i = (Math.min(height - 1, Math.max(0, y)) * width + Math.min(width - 1, Math.max(0, x))) * channels;
    return Math.hypot(...[0, 1, 2].map((band) => data[i + band]! - data[band]!)) < 120;
  };
  const near = [-1, 0, 1];
  const mask = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const [x, y] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width)];
    return near.some((dy) => near.some((dx) => isPlain(x + dx, y + dy))) ? 255 : 0;
  });
  return { width, height, channels: 3, data: mask };
}
