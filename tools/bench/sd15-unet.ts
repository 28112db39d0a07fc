/**
 * Loads a UNet of Stable Diffusion 1.5's exact size with random weights, and runs it: time to load, memory after it,
 * seconds a step at a 64×64 latent, and the share of the rate at which this machine multiplies large matrices.
 *
 *     node --conditions=latentkit-source tools/bench/sd15-unet.ts [F32|F16] [steps]
 *
 * With LATENTKIT_PYTHON (a Python with diffusers) torch's figure for the same file stands beside it. The file, 3.4 or
 * 1.7 GB, stays in the system's temporary folder.
 */
import { sd15 } from "./published-unets.ts";
import type { WeightType } from "./random-weights.ts";
import { printUnetFigures } from "./unet-figures.ts";

await printUnetFigures({
  ...sd15,
  weights: (process.argv[2] ?? "F32") as WeightType,
  steps: Number(process.argv[3] ?? 3),
});
