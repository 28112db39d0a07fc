import { invalid } from "../invalid.ts";
import { linspace, roundHalfEven } from "../schedulers/spacing.ts";
import type { ConfigReader } from "./config-reader.ts";

/** How timesteps are spread over the training range: table 2 of Lin et al. 2023 (https://arxiv.org/abs/2305.08891). */
export const spacings = ["linspace", "leading", "trailing"] as const;
/** A spacing's name. */
export type Spacing = (typeof spacings)[number];

/** A timestep spacing as a scheduler_config.json states it. */
export interface SpacingOptions {
  spacing: Spacing;
  stepsOffset: number;
  trainTimesteps: number;
}

/** Reads `timestep_spacing` and `steps_offset`. */
export function readSpacing(config: ConfigReader, trainTimesteps: number, fallback: Spacing): SpacingOptions {
  const spacing = config.oneOf("timestep_spacing", spacings, fallback);
  // The other spacings don't look at it.
  const isUnused = spacing !== "leading" && config.isNull("steps_offset");
  return { spacing, stepsOffset: isUnused ? 0 : config.integer("steps_offset", 0, 0, trainTimesteps), trainTimesteps };
}

/**
 * `n` timesteps, falling, in the way of the DDIM, DDPM and Euler schedulers of diffusers; whole unless `fractional`, and then
 * float32 unless `"double"`.
 */
export function spacedTimesteps(
  n: number,
  options: SpacingOptions,
  fractional: boolean | "double" = false,
): Float64Array {
  const { spacing, stepsOffset, trainTimesteps } = options;
  if (spacing === "linspace") {
    const points = linspace(0, trainTimesteps - 1, n).reverse();
    if (fractional === "double") return points;
    return fractional ? points.map(Math.fround) : points.map(roundHalfEven);
  }
  if (spacing === "leading") {
    const ratio = Math.floor(trainTimesteps / n);
    return Float64Array.from({ length: n }, (_, i) => (n - 1 - i) * ratio + stepsOffset);
  }
  const ratio = trainTimesteps / n;
  return Float64Array.from({ length: n }, (_, i) => roundHalfEven(trainTimesteps - i * ratio) - 1);
}

/**
 * `n` timesteps in the way of the multistep solvers of diffusers, which leave out the lowest of n + 1. `lastTimestep` is how much of
 * the training range is used.
 */
export function solverTimesteps(
  n: number,
  options: SpacingOptions,
  lastTimestep: number = options.trainTimesteps,
): Float64Array {
  const { spacing, stepsOffset, trainTimesteps } = options;
  if (spacing === "linspace")
    return linspace(0, lastTimestep - 1, n + 1)
      .reverse()
      .slice(0, n)
      .map(roundHalfEven);
  if (spacing === "leading") {
    const ratio = Math.floor(lastTimestep / (n + 1));
    return Float64Array.from({ length: n }, (_, i) => (n - i) * ratio + stepsOffset);
  }
  const ratio = trainTimesteps / n;
  const count = Math.ceil(lastTimestep / ratio);
  return Float64Array.from({ length: count }, (_, i) => roundHalfEven(lastTimestep - i * ratio) - 1);
}

/** Refuses timesteps outside the model's training range, which diffusers would fail on or wrap around. */
export function checkTimesteps(timesteps: Float64Array, trainTimesteps: number, steps: number): Float64Array {
  for (const t of timesteps)
    if (t < 0 || t >= trainTimesteps)
      invalid("steps", `${steps} steps reach timestep ${t}, outside the model's 0 to ${trainTimesteps - 1}`);
  return timesteps;
}
