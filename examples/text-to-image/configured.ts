import { loadClient } from "@latentkit/core";

// LATENTKIT_BACKEND or latentkit.config.ts says where it runs; without either it runs here.
const client = await loadClient();

const { images } = await client.generate({ prompt: process.argv[2] ?? "a red apple on a blue background", seed: 7 });
for (const image of images) console.log(await image.save(`text-to-image-${image.seed}.png`));
await client.dispose();
