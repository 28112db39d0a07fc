import type { NoiseSchedule } from "../noise-schedule.ts";
import { linspace } from "./spacing.ts";

/** ComfyUI's `normal`: timesteps evenly spaced from the last to the first, their levels, then 0. */
export function normalSigmas(n: number, schedule: NoiseSchedule): Float64Array {
  const { start, end } = range(schedule);
  return withZero(linspace(start, end, n).map((t) => schedule.timestepToSigma(t)));
}

/** ComfyUI's `sgm_uniform`: as {@link normalSigmas}, but the last of n + 1 timesteps gives way to 0. */
export function sgmUniformSigmas(n: number, schedule: NoiseSchedule): Float64Array {
  const { start, end } = range(schedule);
  return withZero(
    linspace(start, end, n + 1)
      .slice(0, n)
      .map((t) => schedule.timestepToSigma(t)),
  );
}

/** Appends the final 0. */
export function withZero(sigmas: ArrayLike<number>): Float64Array {
  const out = new Float64Array(sigmas.length + 1);
  out.set(Array.from(sigmas));
  return out;
}

function range(schedule: NoiseSchedule): { start: number; end: number } {
  return { start: schedule.sigmaToTimestep(schedule.sigmaMax), end: schedule.sigmaToTimestep(schedule.sigmaMin) };
}
