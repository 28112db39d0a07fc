import { invalid } from "../invalid.ts";
import type { NoiseSchedule } from "../noise-schedule.ts";
import { exponentialSigmas } from "../schedulers/exponential.ts";
import { karrasSigmas } from "../schedulers/karras.ts";
import { interpolate } from "../schedulers/spacing.ts";
import type { ConfigReader } from "./config-reader.ts";

/** Which curve replaces the levels at the timesteps. */
export type SigmaCurve = "use_karras_sigmas" | "use_exponential_sigmas" | "use_beta_sigmas" | undefined;

/** Reads the exclusive `use_*_sigmas` switches. */
export function readCurve(config: ConfigReader): SigmaCurve {
  return config.exclusive(["use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas"] as const);
}

/** `n` levels along a curve from `sigmaMax` to `sigmaMin`. */
export function curveSigmas(
  curve: NonNullable<SigmaCurve>,
  n: number,
  sigmaMin: number,
  sigmaMax: number,
): Float64Array {
  if (curve === "use_karras_sigmas") return karrasSigmas(n, sigmaMin, sigmaMax);
  if (curve === "use_exponential_sigmas") return exponentialSigmas(n, sigmaMin, sigmaMax);
  return invalid(curve, "can't be followed yet");
}

/** The levels at (maybe fractional) timesteps, linear between the table's entries as diffusers interpolates. */
export function sigmasAt(timesteps: Float64Array, schedule: NoiseSchedule): Float64Array {
  return timesteps.map((t) => interpolate(t, schedule.sigmas));
}

/** Appends the level the last step lands on and rounds all to float32, as diffusers keeps them. */
export function finish(sigmas: Float64Array, last: number): Float64Array {
  return Float64Array.from([...sigmas, last], Math.fround);
}
