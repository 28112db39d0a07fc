import { linspace } from "./spacing.ts";

/** The models that Align Your Steps was optimised for. */
export const alignYourStepsModels = ["SD1", "SDXL", "SVD"] as const;
/** A model that Align Your Steps was optimised for. */
export type AlignYourStepsModel = (typeof alignYourStepsModels)[number];

// Published on https://research.nvidia.com/labs/toronto-ai/AlignYourSteps/howto.html.
const levels: Readonly<Record<AlignYourStepsModel, readonly number[]>> = {
  SD1: [
    14.6146412293, 6.4745760956, 3.8636745985, 2.694615152, 1.8841921177, 1.3943805092, 0.9642583904, 0.6523686016,
    0.3977456272, 0.1515232662, 0.0291671582,
  ],
  SDXL: [
    14.6146412293, 6.3184485287, 3.7681790315, 2.1811480769, 1.3405244945, 0.8620721141, 0.5550693289, 0.3798540708,
    0.2332364134, 0.1114188177, 0.0291671582,
  ],
  SVD: [700, 54.5, 15.886, 7.977, 4.248, 1.789, 0.981, 0.403, 0.173, 0.034, 0.002],
};

/**
 * Align Your Steps: Sabour et al. 2024 (https://arxiv.org/abs/2404.14507): ten optimised levels, interpolated in log σ for other numbers
 * of steps, the last of them 0.
 */
export function alignYourStepsSigmas(n: number, model: AlignYourStepsModel): Float64Array {
  return interpolateLog(levels[model], n);
}

/** `n` levels along `table` in log σ, and a 0 in the place of its last. */
export function interpolateLog(table: readonly number[], n: number): Float64Array {
  const logs = table.map(Math.log);
  const sigmas = linspace(0, logs.length - 1, n + 1).map((place) => {
    const low = Math.min(Math.floor(place), logs.length - 2);
    return Math.exp(logs[low]! + (place - low) * (logs[low + 1]! - logs[low]!));
  });
  sigmas[n] = 0;
  return sigmas;
}
