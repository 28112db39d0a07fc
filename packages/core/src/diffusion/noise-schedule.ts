import { alphasCumprodOf, type BetaSchedule, makeBetas, rescaleZeroTerminalSnr } from "./betas.ts";
import { invalid, requireInteger, requireNumber } from "./invalid.ts";
import type { Space } from "./space.ts";

/** How a model's training noise schedule is described. Defaults are Stable Diffusion's. */
export interface NoiseScheduleOptions {
  /** `"scaled_linear"` unless given. */
  betaSchedule?: BetaSchedule;
  /** 0.00085 unless given. */
  betaStart?: number;
  /** 0.012 unless given. */
  betaEnd?: number;
  /** Number of training timesteps, 1000 unless given. */
  trainTimesteps?: number;
  /** The betas themselves, instead of a named schedule. */
  trainedBetas?: ArrayLike<number>;
  /** Rescale to zero terminal SNR. */
  zeroTerminalSnr?: boolean;
  /** What the last ᾱ is set to after the rescale: 0 by the paper; the σ-space samplers need it above 0 (2⁻²⁴ in diffusers). */
  terminalAlphaBar?: number;
}

/** The noise levels a model was trained at, and the way between its timesteps and noise levels. */
export interface NoiseSchedule {
  /** The space the levels are in: `ve` for models with betas, σ = √((1−ᾱ)/ᾱ), and for EDM; `flow` for flow matching. */
  readonly space: Space;
  readonly trainTimesteps: number;
  /** σ of each training timestep, rising; the last is +∞ where ᾱ is 0. */
  readonly sigmas: Float32Array;
  /** σ_0, the smallest. */
  readonly sigmaMin: number;
  /** σ of the last timestep, the largest. */
  readonly sigmaMax: number;
  /** The timestep of a noise level: linear in log σ between the table's entries (k-diffusion), clipped to the table. */
  sigmaToTimestep(sigma: number): number;
  /** The noise level at a timestep, which needn't be whole: linear in log σ (k-diffusion, ComfyUI). */
  timestepToSigma(timestep: number): number;
  /** For flow matching: the same training with another time shift. */
  withShift?(shift: number): NoiseSchedule;
}

/** The schedule of a model with betas: DDPM, Stable Diffusion and their kin. */
export interface BetaNoiseSchedule extends NoiseSchedule {
  readonly space: "ve";
  readonly betas: Float32Array;
  /** ᾱ_t for t = 0 … trainTimesteps − 1, falling. */
  readonly alphasCumprod: Float32Array;
}

/** Builds a training noise schedule from betas; the numbers are float32 where diffusers' are. */
export function makeNoiseSchedule(options: NoiseScheduleOptions = {}): BetaNoiseSchedule {
  const { betaSchedule = "scaled_linear", trainTimesteps = 1000, trainedBetas, zeroTerminalSnr = false } = options;
  const betaStart = requireNumber("beta_start", options.betaStart ?? 0.00085, 0, 1);
  const betaEnd = requireNumber("beta_end", options.betaEnd ?? 0.012, 0, 1);
  const given = trainedBetas && Float32Array.from(trainedBetas);
  if (given && (given.length < 2 || given.some((beta) => !(beta >= 0 && beta <= 1))))
    invalid("trained_betas", "must be at least 2 numbers from 0 to 1");
  const n = given && options.trainTimesteps === undefined ? given.length : trainTimesteps;
  requireInteger("num_train_timesteps", n, 2, 1_000_000);
  if (given && given.length !== n)
    invalid("trained_betas", `has ${given.length} entries for num_train_timesteps ${n}; must be as many`);
  const plain = given ?? makeBetas(betaSchedule, betaStart, betaEnd, n);
  const betas = zeroTerminalSnr ? rescaleZeroTerminalSnr(plain) : plain;
  const alphasCumprod = alphasCumprodOf(betas);
  if (zeroTerminalSnr) alphasCumprod[n - 1] = options.terminalAlphaBar ?? 0;
  return scheduleFromAlphas(betas, alphasCumprod);
}

/** ᾱ that ComfyUI puts in place of the 0 at the end of a zero-terminal-SNR schedule. */
const COMFY_TERMINAL_ALPHA_BAR = 4.8973451890853435e-8;

/** The schedule itself, or where its last σ is infinite (zero terminal SNR), one that ends as ComfyUI has it. */
export function withFiniteSigmas(schedule: NoiseSchedule): NoiseSchedule {
  if (Number.isFinite(schedule.sigmaMax) || !isBetaSchedule(schedule)) return schedule;
  const bars = schedule.alphasCumprod.slice();
  bars[bars.length - 1] = COMFY_TERMINAL_ALPHA_BAR;
  return scheduleFromAlphas(schedule.betas, bars);
}

/**
 * The schedule without the timesteps noisier than `sigmaMax` (at least the two least noisy stay). Betas that end near 1, as cosine ones do,
 * have σ in the ten thousands there, too far for the first step of many samplers.
 */
export function upToSigma(schedule: NoiseSchedule, sigmaMax: number): NoiseSchedule {
  if (!isBetaSchedule(schedule) || schedule.sigmaMax <= sigmaMax) return schedule;
  const count = Math.max(2, schedule.sigmas.findLastIndex((sigma) => sigma <= sigmaMax) + 1);
  return scheduleFromAlphas(schedule.betas.slice(0, count), schedule.alphasCumprod.slice(0, count));
}

function isBetaSchedule(schedule: NoiseSchedule): schedule is BetaNoiseSchedule {
  return "alphasCumprod" in schedule;
}

function scheduleFromAlphas(betas: Float32Array, alphasCumprod: Float32Array): BetaNoiseSchedule {
  const f32 = Math.fround;
  const sigmas = alphasCumprod.map((bar) => Math.sqrt(f32(f32(1 - bar) / bar)));
  const logSigmas = sigmas.map(Math.log);
  const last = sigmas.length - 1;
  return {
    space: "ve",
    trainTimesteps: sigmas.length,
    betas,
    alphasCumprod,
    sigmas,
    sigmaMin: sigmas[0]!,
    sigmaMax: sigmas[last]!,
    sigmaToTimestep: (sigma) => invertLogSigma(logSigmas, sigma),
    timestepToSigma(timestep) {
      const t = Math.min(Math.max(timestep, 0), last);
      const low = Math.min(Math.floor(t), last - 1);
      const w = t - low;
      return Math.exp((w < 1 ? (1 - w) * logSigmas[low]! : 0) + (w > 0 ? w * logSigmas[low + 1]! : 0));
    },
  };
}

function invertLogSigma(logSigmas: Float32Array, sigma: number): number {
  const value = Math.log(Math.max(sigma, 1e-10));
  let low = 0;
  let high = logSigmas.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (logSigmas[middle]! <= value) low = middle;
    else high = middle;
  }
  const w = (logSigmas[low]! - value) / (logSigmas[low]! - logSigmas[high]!);
  return low + Math.min(Math.max(w, 0), 1);
}
