import { readFile, writeFile } from "node:fs/promises";
import { decodeImage, encodeImage, loadClient, type Pixels, resizeImage } from "@latentkit/core";

// Restores a damaged picture, then makes it larger: image-to-image at a low strength draws over the faults and keeps what is there.
// A backend with the task "upscale" can be asked for that instead of the second pass.
const [file, prompt = "a sailboat by the sea at sunset"] = process.argv.slice(2);
const client = await loadClient();
const damaged =
  file === undefined
    ? damage(await (await client.generate({ prompt, seed: 8 })).images[0]!.pixels())
    : await decodeImage(await readFile(file));
const before = await encodeImage(damaged, "png");
await writeFile("damaged.png", before);
const restored = await redraw(before, 0.45);
console.log(await restored.save("restored.png"));

const { width, height, ...whole } = await restored.pixels();
const large = await resizeImage({ width, height, ...whole }, width * 2, height * 2);
const upscaled = await redraw(await encodeImage(large, "png"), 0.2);
console.log(await upscaled.save("upscaled.png"));
await client.dispose();

async function redraw(image: Uint8Array, strength: number) {
  const { images } = await client.generate({ task: "image-to-image", image, prompt, strength, seed: 8, steps: 30 });
  return images[0]!;
}

/** Noise, as an old photo's, that is the same each time. */
function damage({ data, ...size }: Pixels): Pixels {
  let state = 1;
  const noise = () => {
    state = (state * 48_271) % 2_147_483_647;
    return (state / 2_147_483_647 - 0.5) * 110;
  };
  return { ...size, data: Uint8Array.from(data, (value) => Math.max(0, Math.min(255, value + noise()))) };
}
