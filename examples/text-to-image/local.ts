import { local } from "@latentkit/backend-local";
import { createClient } from "@latentkit/core";

// The embedded model: nothing to download.
const client = createClient({ backend: local() });

const job = client.generate({ prompt: process.argv[2] ?? "a red apple on a blue background", steps: 20, seed: 7 });
for await (const event of job) {
  if (event.type === "progress") console.log(`${event.phase} ${event.step}/${event.steps}`);
}
const { images } = await job;
for (const image of images) console.log(await image.save(`text-to-image-${image.seed}.png`));
await client.dispose();
