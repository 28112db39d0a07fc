import { replicate } from "@latentkit/backend-replicate";
import { createClient } from "@latentkit/core";

// Needs REPLICATE_API_TOKEN in the environment.
const client = createClient({ backend: replicate({ model: "black-forest-labs/flux-schnell" }) });

const job = client.generate({ prompt: process.argv[2] ?? "a red apple on a blue background", seed: 7 });
for await (const event of job) {
  if (event.type === "progress") console.log(`${event.phase} ${event.step}/${event.steps}`);
}
const { images } = await job;
for (const image of images) console.log(await image.save(`text-to-image-${image.seed}.png`));
await client.dispose();
