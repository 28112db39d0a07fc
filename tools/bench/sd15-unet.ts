/**
 * Loads a UNet of Stable Diffusion 1.5's exact size with random weights, and runs it: time to load, memory after it,
 * seconds a step at a 64×64 latent, and the share of the rate at which this machine multiplies large matrices.
 *
 *     node --conditions=latentkit-source tools/bench/sd15-unet.ts [F32|F16] [steps]
 *
 * With LATENTKIT_PYTHON (a Python with diffusers) torch's figure for the same file stands beside it. The file, 3.4 or
 * 1.7 GB, stays in the system's temporary folder.
 */
import type { WeightType } from "./random-weights.ts";
import { printUnetFigures } from "./unet-figures.ts";

await printUnetFigures({
  name: "sd15-unet",
  config: { cross_attention_dim: 768 }, // the rest of SD 1.5's configuration is the defaults
  parameters: 859_520_964,
  flops: 803_273_441_280,
  side: 64,
  inputs: { encoder_hidden_states: [1, 77, 768] },
  weights: (process.argv[2] ?? "F32") as WeightType,
  steps: Number(process.argv[3] ?? 3),
});
