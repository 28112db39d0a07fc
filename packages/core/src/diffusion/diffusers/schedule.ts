import type { BetaSchedule } from "../betas.ts";
import { invalid } from "../invalid.ts";
import { makeNoiseSchedule, type NoiseSchedule } from "../noise-schedule.ts";
import type { ConfigReader } from "./config-reader.ts";

const common = ["linear", "scaled_linear", "squaredcos_cap_v2"] as const;

/** What differs between the schedulers' readings of the same options. */
export interface ScheduleDefaults {
  betaStart?: number;
  betaEnd?: number;
  betaSchedule?: BetaSchedule;
  allowed?: readonly BetaSchedule[];
  /** The last ᾱ after a zero-SNR rescale; 2⁻²⁴ where the sampler needs a finite σ. */
  terminalAlphaBar?: number;
  /** Whether `rescale_betas_zero_snr` is an option of this scheduler. */
  rescale?: boolean;
}

/** Reads the betas: `beta_schedule`, `beta_start`, `beta_end`, `trained_betas`, `num_train_timesteps`, `rescale_betas_zero_snr`. */
export function readSchedule(config: ConfigReader, defaults: ScheduleDefaults = {}): NoiseSchedule {
  const trainedBetas = config.optionalNumbers("trained_betas");
  const trainTimesteps = config.trainTimesteps();
  if (trainedBetas && trainedBetas.length !== trainTimesteps)
    invalid(
      "num_train_timesteps",
      `is ${trainTimesteps}, but trained_betas has ${trainedBetas.length} entries: the two must be the same`,
    );
  const schedule = makeNoiseSchedule({
    betaSchedule: config.oneOf("beta_schedule", defaults.allowed ?? common, defaults.betaSchedule ?? "linear"),
    betaStart: config.number("beta_start", defaults.betaStart ?? 0.0001, 0, 1),
    betaEnd: config.number("beta_end", defaults.betaEnd ?? 0.02, 0, 1),
    trainTimesteps,
    ...(trainedBetas ? { trainedBetas } : {}),
    zeroTerminalSnr: (defaults.rescale ?? true) && config.boolean("rescale_betas_zero_snr", false),
    ...(defaults.terminalAlphaBar === undefined ? {} : { terminalAlphaBar: defaults.terminalAlphaBar }),
  });
  const source = trainedBetas ? "trained_betas" : "beta_end";
  if (!(schedule.sigmaMin > 0)) invalid(trainedBetas ? source : "beta_start", "leaves no noise at the first timestep");
  // Pure noise is for the last timestep, and only after a rescale.
  const endless = schedule.sigmas.indexOf(Number.POSITIVE_INFINITY);
  if (endless >= 0 && endless < trainTimesteps - 1) invalid(source, `leaves no signal from timestep ${endless} on`);
  return schedule;
}

/** diffusers' last ᾱ after a zero-SNR rescale, in the schedulers that step in σ. */
export const SIGMA_TERMINAL_ALPHA_BAR = 2 ** -24;
