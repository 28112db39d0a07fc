import { encodeImage, loadClient, resizeImage } from "@latentkit/core";

// Zooms out step by step: the picture is made smaller, and what lies around it is painted.
const client = await loadClient();
const prompt = "a small balloon in the desert";
let [picture] = (await client.generate({ prompt, seed: 2 })).images;
await picture!.save("zoom-0.png");

for (let step = 1; step <= 3; step++) {
  const { width, height, ...whole } = await picture!.pixels();
  const border = Math.round(width / 8 / 4) * 4;
  const small = await resizeImage({ width, height, ...whole }, width - 2 * border, height - 2 * border);
  const sides = { left: border, right: border, top: border, bottom: border };
  const image = await encodeImage(small, "png");
  const { images } = await client.generate({ task: "outpaint", prompt, image, ...sides, feather: 4, seed: 2 });
  [picture] = images;
  console.log(await picture!.save(`zoom-${step}.png`));
}
await client.dispose();
