import { comfy } from "@latentkit/backend-comfy";
import { createClient } from "@latentkit/core";

// Needs a ComfyUI server with this checkpoint.
const client = createClient({
  backend: comfy({ url: "http://127.0.0.1:8188", checkpoint: "v1-5-pruned-emaonly.safetensors" }),
});

const job = client.generate({ prompt: process.argv[2] ?? "a red apple on a blue background", steps: 20, seed: 7 });
for await (const event of job) {
  if (event.type === "progress") console.log(`${event.phase} ${event.step}/${event.steps}`);
}
const { images } = await job;
for (const image of images) console.log(await image.save(`text-to-image-${image.seed}.png`));
await client.dispose();
