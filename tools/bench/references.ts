/**
 * What a step of FLUX.2 klein 4B takes with a reference picture: where it is worked out in each step, where its keys and values are kept, and without one.
 * The published size with random weights, int8 ConvRot, on the CPU, through the public API. The files are some GB and stay in the system's temporary
 * folder, under latentkit-bench.
 *
 *     node --conditions=latentkit-source tools/bench/references.ts [side of picture and reference]
 */
import { createClient, encodeImage } from "@latentkit/core";
import { local } from "../../packages/backend-local/src/local.ts";
import { circumstances, round } from "./bench-model.ts";
import { flowFiles } from "./flow-files.ts";

const side = Number(process.argv[2] ?? 512);
const { transformer, textEncoder, vae } = await flowFiles("flux2-klein-4b", "int8_convrot");
if (process.argv[3] === "files") process.exit();
const client = createClient({ backend: local({ model: transformer, parts: { textEncoder, vae } }) });
const data = Uint8Array.from({ length: 3 * side * side }, (_, i) => (i * 31) % 256);
const image = await encodeImage({ width: side, height: side, channels: 3, data }, "png");
const conditioning = [{ kind: "reference" as const, image }];

const { date, machine } = circumstances();
console.log(`FLUX.2 klein 4B, int8 ConvRot, ${side}×${side}, ${machine}, ${date.slice(0, 10)}\n`);
console.log("| reference | encoding s | s a step |");
console.log("| --- | --- | --- |");
await measure("none", {});
await measure("in each step", { conditioning, backendOptions: { local: { cacheReferences: false } } });
await measure("kept", { conditioning, backendOptions: { local: { cacheReferences: true } } });
await client.dispose();

/** Of three steps the quickest; before them the text is encoded, which the next ones have, the reference, and what is kept of it is made. */
async function measure(name: string, more: object): Promise<void> {
  const asked = { prompt: "a red apple", width: side, height: side, steps: 3, seed: 7, ...more };
  const times: number[] = [];
  let last = performance.now();
  const job = client.generate(asked);
  for await (const event of job) {
    const now = performance.now();
    if (event.type === "progress" && event.phase === "sample" && event.step > 0) times.push((now - last) / 1000);
    last = now;
  }
  const { encodeMs = 0 } = (await job).timings;
  console.log(`| ${name} | ${round(encodeMs / 1000)} | ${round(Math.min(...times))} |`);
}
