import { readFile, writeFile } from "node:fs/promises";
import { decodeImage, encodeImage, loadClient, type Pixels } from "@latentkit/core";

// An object on a plain background gets another one; the object itself stays as it is, pixel for pixel.
const [file, prompt = "in the desert"] = process.argv.slice(2);
const client = await loadClient();
const photo =
  file === undefined
    ? await (await client.generate({ prompt: "a red apple on a white background", seed: 7 })).images[0]!.pixels()
    : await decodeImage(await readFile(file));

const mask = await encodeImage(backgroundMask(photo), "png");
const image = await encodeImage(photo, "png");
await writeFile("old-background.png", image);
const { images } = await client.generate({ task: "inpaint", prompt, image, mask, seed: 3 });
console.log(await images[0]!.save("new-background.png"));
await client.dispose();

/** White where a pixel or one beside it is nearly the colour of the corner: that is painted anew, the object's soft edge with it. */
function backgroundMask({ width, height, channels, data }: Pixels): Pixels {
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
