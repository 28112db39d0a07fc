import type { NoiseSchedule } from "../noise-schedule.ts";
import { betaPpf } from "./beta-ppf.ts";
import { withZero } from "./from-timesteps.ts";
import { linspace, roundHalfEven } from "./spacing.ts";

/** ComfyUI's `simple`: every (length/n)-th entry of the model's own table, from its end, then 0. */
export function simpleSigmas(n: number, { sigmas }: NoiseSchedule): Float64Array {
  const stride = sigmas.length / n;
  return withZero(Float64Array.from({ length: n }, (_, i) => sigmas[sigmas.length - 1 - Math.floor(i * stride)]!));
}

/** ComfyUI's `ddim_uniform`: every ⌊length/n⌋-th entry from the second on, falling, then 0. It may be one more than n. */
export function ddimUniformSigmas(n: number, { sigmas }: NoiseSchedule): Float64Array {
  const stride = Math.max(Math.floor(sigmas.length / n), 1);
  const levels: number[] = [];
  for (let i = 1; i < sigmas.length; i += stride) levels.push(sigmas[i]!);
  return withZero(levels.reverse());
}

/** Forge's `turbo`: every (length/n)-th entry counted from the start, as a model distilled by adversarial diffusion was trained, then 0. */
export function turboSigmas(n: number, { sigmas }: NoiseSchedule): Float64Array {
  const { length } = sigmas;
  const place = (i: number) => Math.min(Math.max(roundHalfEven(((n - i) * length) / n - 1), 0), length - 1);
  return withZero(Float64Array.from({ length: n }, (_, i) => sigmas[place(i)]!));
}

/**
 * ComfyUI's `beta`: table entries spread by a beta distribution with α = β = 0.6 unless given, dense at both ends; equal ones are taken once, so
 * many steps may come out fewer. "Beta Sampling is All You Need" (https://arxiv.org/abs/2407.12173).
 */
export function betaSigmas(n: number, { sigmas }: NoiseSchedule, alpha = 0.6, beta = 0.6): Float64Array {
  const places = Array.from({ length: n }, (_, i) =>
    roundHalfEven(betaPpf(1 - i / n, alpha, beta) * (sigmas.length - 1)),
  );
  return withZero(places.filter((place, i) => place !== places[i - 1]).map((place) => sigmas[place]!));
}

/** KL-optimal: arctan σ evenly spaced, from σ_max to σ_min, then 0. Theorem 3.1 of the Align Your Steps paper (https://arxiv.org/abs/2404.14507). */
export function klOptimalSigmas(n: number, sigmaMin: number, sigmaMax: number): Float64Array {
  const [from, to] = [Math.atan(sigmaMax), Math.atan(sigmaMin)];
  // Rounding must not lead out of the bounds: where they are one, levels would rise.
  const within = (sigma: number) => Math.min(Math.max(sigma, sigmaMin), sigmaMax);
  return withZero(linspace(0, 1, n).map((ramp) => within(Math.tan(ramp * to + (1 - ramp) * from))));
}

/**
 * Linear in time for the first half of the steps, which cover the noisiest `threshold`, 2.5% unless given, then quadratic to 0: Mochi's
 * (https://github.com/genmoai/mochi).
 */
export function linearQuadraticSigmas(n: number, sigmaMax: number, threshold = 0.025): Float64Array {
  if (n === 1) return Float64Array.of(sigmaMax, 0);
  const linear = Math.floor(n / 2);
  const quadratic = n - linear;
  const rest = linear - threshold * n;
  const a = rest / (linear * quadratic ** 2);
  const b = threshold / linear - (2 * rest) / quadratic ** 2;
  const times = Float64Array.from({ length: n + 1 }, (_, i) => {
    if (i === n) return 1;
    return i < linear ? (i * threshold) / linear : a * i * i + b * i + a * linear ** 2;
  });
  return times.map((time) => (1 - time) * sigmaMax);
}
