import type { Levels } from "../family.ts";

/** Levels from 1 to 1/steps, equally far apart: what the pipelines of flow models since FLUX.1 give their schedulers. */
export function evenLevels(steps: number): Levels {
  const last = 1 / steps;
  const step = steps > 1 ? (last - 1) / (steps - 1) : 0;
  return { sigmas: Array.from({ length: steps }, (_, i) => (i === steps - 1 ? last : 1 + i * step)) };
}
