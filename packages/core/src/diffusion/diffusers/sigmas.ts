import type { NoiseSchedule } from "../noise-schedule.ts";
import { betaPpf } from "../schedulers/beta-ppf.ts";
import { exponentialSigmas } from "../schedulers/exponential.ts";
import { karrasSigmas } from "../schedulers/karras.ts";
import { interpolate, linspace } from "../schedulers/spacing.ts";
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
  // "Beta Sampling is All You Need", https://arxiv.org/abs/2407.12173, with α = β = 0.6.
  return linspace(0, 1, n).map((p) => sigmaMin + betaPpf(1 - p, 0.6, 0.6) * (sigmaMax - sigmaMin));
}

/** {@link curveSigmas} over the range of the levels it replaces, or between the config's `sigma_min` and `sigma_max`. */
export function curveOver(
  curve: NonNullable<SigmaCurve>,
  n: number,
  levels: ArrayLike<number>,
  bounds: { sigmaMin?: number | undefined; sigmaMax?: number | undefined } = {},
): Float64Array {
  return curveSigmas(curve, n, bounds.sigmaMin ?? levels[levels.length - 1]!, bounds.sigmaMax ?? levels[0]!);
}

/** The levels at (maybe fractional) timesteps, linear between the table's entries as diffusers interpolates. */
export function sigmasAt(timesteps: Float64Array, schedule: NoiseSchedule): Float64Array {
  return timesteps.map((t) => interpolate(t, schedule.sigmas));
}

/** Appends the level the last step lands on, never above the one before, and rounds all to float32, as diffusers keeps them. */
export function finish(sigmas: Float64Array, last: number): Float64Array {
  return Float64Array.from([...sigmas, Math.min(last, sigmas[sigmas.length - 1]!)], Math.fround);
}
