import { loadClient } from "@latentkit/core";

// The program names no backend: latentkit.config.json does, here a fallback. LATENTKIT_BACKEND=local would choose another for one run.
//
//   { "backend": "main", "backends": {
//       "main": { "use": "fallback", "of": ["gpu-box", "local"] },
//       "gpu-box": { "use": "comfy", "url": "http://127.0.0.1:8188", "checkpoint": "sd15.safetensors" } } }
const client = await loadClient();
const job = client.generate({ prompt: "a snowman in the snow", seed: 7 });
job.on("log", ({ message }) => console.log(message));
const { images, recipe } = await job;
console.log(`drawn by ${recipe.backend}: ${await images[0]!.save("swapped.png")}`);
await client.dispose();
