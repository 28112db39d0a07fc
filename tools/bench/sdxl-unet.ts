/**
 * {@link sd15-unet.ts} for SDXL's UNet, at a latent of 128×128 (a picture of 1024×1024).
 *
 *     node --conditions=latentkit-source tools/bench/sdxl-unet.ts [F16|F32] [steps]
 *
 * The file, 5.1 or 10.3 GB, stays in the system's temporary folder. Torch holds its weights in float32, which takes 10.3 GB, or in
 * bfloat16 where the machine has less than 14 GB to give.
 */
import { sdxl } from "./published-unets.ts";
import type { WeightType } from "./random-weights.ts";
import { printUnetFigures } from "./unet-figures.ts";

await printUnetFigures({
  ...sdxl,
  weights: (process.argv[2] ?? "F16") as WeightType,
  steps: Number(process.argv[3] ?? 2),
});
