/**
 * Draws the pictures of docs/concepts.md with the embedded model, into docs/images/concepts.
 *
 *     node --conditions=latentkit-source tools/docs/concept-pictures.ts
 */
import { mkdir, writeFile } from "node:fs/promises";
import { local } from "../../packages/backend-local/src/index.ts";
import { createClient, encodeImage, type SweepInput } from "../../packages/core/src/index.ts";

const folder = new URL("../../docs/images/concepts/", import.meta.url);
const prompt = "a penguin in the snow";
const client = createClient({ backend: local() });
const [start] = (await client.generate({ prompt: "a red apple on a blue background", seed: 3 })).images;

const sweeps: Readonly<Record<string, SweepInput>> = {
  steps: { prompt, seed: 5, sampler: "euler", scheduler: "normal", steps: [1, 2, 4, 8, 20, 50] },
  guidance: { prompt, seed: 5, guidanceScale: [1, 2, 4, 8, 14, 20] },
  seeds: { prompt, seed: [1, 2, 3, 4, 5, 6] },
  samplers: {
    prompt,
    seed: 5,
    steps: 12,
    scheduler: "karras",
    sampler: ["euler", "heun", "dpmpp_2m", "uni_pc", "euler_ancestral", "dpmpp_sde"],
  },
  schedulers: {
    prompt,
    seed: 5,
    steps: 4,
    sampler: "euler",
    scheduler: ["normal", "karras", "exponential", "simple", "beta", "kl_optimal"],
  },
  strength: {
    task: "image-to-image",
    image: await start!.bytes(),
    prompt: "a soccer ball on grass",
    seed: 5,
    strength: [0.2, 0.4, 0.6, 0.8, 0.9, 1],
  },
};
await mkdir(folder, { recursive: true });
for (const [name, input] of Object.entries(sweeps)) {
  const sheet = await (await client.sweep(input, { keepGoing: false })).contactSheet({ cell: 128 });
  await writeFile(new URL(`${name}.png`, folder), await encodeImage(sheet, "png"));
}
await client.dispose();
