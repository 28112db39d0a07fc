import { requireInteger, requireNumber } from "./invalid.ts";
import type { NoiseSchedule } from "./noise-schedule.ts";

/** Moves a flow time towards noise: s·t / (1 + (s − 1)·t). Equation 23 of Esser et al. 2024 (https://arxiv.org/abs/2403.03206). */
export function shiftTime(t: number, shift: number): number {
  return (shift * t) / (1 + (shift - 1) * t);
}

/** How a dynamic shift grows with the number of image tokens. */
export interface DynamicShiftOptions {
  baseTokens?: number;
  maxTokens?: number;
  baseShift?: number;
  maxShift?: number;
}

/** μ of a dynamic shift for an image of so many tokens, linear between the two ends (Flux's); the shift itself is e^μ. */
export function dynamicShift(
  tokens: number,
  { baseTokens = 256, maxTokens = 4096, baseShift = 0.5, maxShift = 1.15 }: DynamicShiftOptions = {},
): number {
  requireNumber("tokens", tokens, 1, Number.MAX_SAFE_INTEGER);
  const slope = (maxShift - baseShift) / (maxTokens - baseTokens);
  return baseShift + slope * (tokens - baseTokens);
}

/** How a flow-matching model was trained. */
export interface FlowScheduleOptions {
  /** The time shift, 1 unless given. */
  shift?: number;
  /** Number of training timesteps, 1000 unless given. */
  trainTimesteps?: number;
  /** What the network is told at time 1, `trainTimesteps` unless given. */
  multiplier?: number;
}

/** A flow-matching model's noise schedule: levels in the flow space, from near 0 to 1. */
export function makeFlowSchedule(options: FlowScheduleOptions = {}): NoiseSchedule {
  const shift = requireNumber("shift", options.shift ?? 1, 1e-6, 1e6);
  const n = requireInteger("num_train_timesteps", options.trainTimesteps ?? 1000, 1, 1_000_000);
  const multiplier = options.multiplier ?? n;
  const sigmas = Float32Array.from({ length: n }, (_, i) => shiftTime(Math.fround((i + 1) / n), shift));
  return {
    space: "flow",
    trainTimesteps: n,
    sigmas,
    sigmaMin: sigmas[0]!,
    sigmaMax: sigmas[n - 1]!,
    sigmaToTimestep: (sigma) => sigma * multiplier,
    timestepToSigma: (timestep) => shiftTime(timestep / multiplier, shift),
    withShift: (other) => makeFlowSchedule({ ...options, shift: other }),
  };
}

/** How an EDM model was trained. */
export interface EdmScheduleOptions {
  /** 0.002 unless given. */
  sigmaMin?: number;
  /** 80 unless given. */
  sigmaMax?: number;
  /** Entries of the table, 1000 unless given. */
  trainTimesteps?: number;
}

/** An EDM model's noise schedule: the network is told ln(σ)/4 (Karras et al. 2022, table 1). */
export function makeEdmSchedule(options: EdmScheduleOptions = {}): NoiseSchedule {
  const sigmaMin = requireNumber("sigma_min", options.sigmaMin ?? 0.002, 1e-9, 1e9);
  const sigmaMax = requireNumber("sigma_max", options.sigmaMax ?? 80, sigmaMin, 1e9);
  const n = requireInteger("num_train_timesteps", options.trainTimesteps ?? 1000, 2, 1_000_000);
  const [from, to] = [Math.log(sigmaMin), Math.log(sigmaMax)];
  return {
    space: "ve",
    trainTimesteps: n,
    sigmas: Float32Array.from({ length: n }, (_, i) => Math.exp(from + ((to - from) * i) / (n - 1))),
    sigmaMin,
    sigmaMax,
    sigmaToTimestep: (sigma) => 0.25 * Math.log(sigma),
    timestepToSigma: (timestep) => Math.exp(timestep / 0.25),
  };
}
