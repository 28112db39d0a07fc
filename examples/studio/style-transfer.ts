import { loadClient } from "@latentkit/core";

// A picture in another style, by image-to-image: how far it moves from the picture is the strength. Where the backend has them, a LoRA
// (LORA=file) or a picture as a reference (REFERENCE=file) say the style as well.
const client = await loadClient();
const { LORA, REFERENCE } = process.env;
const [photo] = (await client.generate({ prompt: "a glossy 3d style car in the snow", seed: 4 })).images;
await photo!.save("style-original.png");

for (const strength of [0.5, 0.7, 0.9]) {
  const { images } = await client.generate({
    task: "image-to-image",
    image: await photo!.bytes(),
    prompt: "a cartoon style car in the snow",
    strength,
    seed: 4,
    ...(LORA === undefined ? {} : { loras: [{ model: LORA }] }),
    ...(REFERENCE === undefined ? {} : { conditioning: [{ kind: "image-prompt" as const, image: REFERENCE }] }),
  });
  console.log(await images[0]!.save(`style-${strength}.png`));
}
await client.dispose();
