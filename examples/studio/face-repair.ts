import { readFile } from "node:fs/promises";
import { loadClient } from "@latentkit/core";

// node face-repair.ts picture.png left,top,width,height "a detailed face": the part in the box is painted anew with all of the model's pixels, and
// the rest stays as it is. A face detector's box goes in as it comes.
const [file, box = "16,12,24,24", prompt = "a cat"] = process.argv.slice(2);
const client = await loadClient();
const picture = file
  ? await readFile(file)
  : await (await client.generate({ prompt: "a cat", seed: 4 })).images[0]!.bytes();
const [left, top, width, height] = box.split(",").map(Number) as [number, number, number, number];
const { images } = await client.generate({
  prompt,
  image: picture,
  strength: 0,
  refine: [{ strength: 0.5, box: { left, top, width, height }, maskBlur: 2, maskPadding: 8 }],
});
console.log(await images[0]!.save("repaired.png"));
await client.dispose();
