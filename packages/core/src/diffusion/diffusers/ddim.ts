import { invalid } from "../invalid.ts";
import type { NoiseSchedule } from "../noise-schedule.ts";
import { readClamp } from "./clamp.ts";
import type { ConfigReader } from "./config-reader.ts";
import type { DiffusersPlan } from "./layout.ts";
import { readSchedule } from "./schedule.ts";
import { checkTimesteps, readSpacing, spacedTimesteps } from "./timesteps.ts";

/** DDIMScheduler. */
export function ddimScheduler(config: ConfigReader): DiffusersPlan {
  const schedule = readSchedule(config);
  const { trainTimesteps } = schedule;
  const spacing = readSpacing(config, trainTimesteps, "leading");
  const prediction = config.oneOf("prediction_type", ["epsilon", "sample", "v_prediction"], "epsilon");
  refuseBlindEpsilon(schedule, prediction);
  const finalSigma = config.boolean("set_alpha_to_one", true) ? 0 : schedule.sigmaMin;
  const clamp = readClamp(config, true);
  return {
    sampler: "ddim",
    prediction,
    schedule,
    space: "vp",
    maxSteps: trainTimesteps,
    ...(clamp ? { options: { clamp } } : {}),
    setTimesteps({ steps }) {
      const timesteps = checkTimesteps(spacedTimesteps(steps, spacing), trainTimesteps, steps);
      const stride = Math.floor(trainTimesteps / steps);
      // Each step goes down by the stride, which with some spacings isn't where the next step starts.
      const targets = timesteps.map((t) => (t >= stride ? schedule.sigmas[t - stride]! : finalSigma));
      const levels = timesteps.map((t) => schedule.sigmas[t]!);
      return {
        timesteps,
        sigmas: Float64Array.from([...levels, targets[timesteps.length - 1]!]),
        targets,
        initNoiseSigma: 1,
      };
    },
  };
}

/** DDPMScheduler. */
export function ddpmScheduler(config: ConfigReader): DiffusersPlan {
  const schedule = readSchedule(config, {
    allowed: ["linear", "scaled_linear", "squaredcos_cap_v2", "sigmoid", "laplace"],
  });
  const { trainTimesteps } = schedule;
  const spacing = readSpacing(config, trainTimesteps, "leading");
  const prediction = config.oneOf("prediction_type", ["epsilon", "sample", "v_prediction"], "epsilon");
  refuseBlindEpsilon(schedule, prediction);
  // fixed_large_log takes the root of a logarithm (NaN), and learned variances need a network with twice the channels.
  const variance = config.oneOf(
    "variance_type",
    ["fixed_small", "fixed_small_log", "fixed_large"],
    "fixed_small",
    "fixed_small",
  );
  const clamp = readClamp(config, true);
  return {
    sampler: "ddpm",
    prediction,
    schedule,
    space: "vp",
    maxSteps: trainTimesteps,
    accepts: ["timesteps"],
    options: { variance: variance === "fixed_large" ? "large" : "small" },
    ...(clamp ? { clamp } : {}),
    setTimesteps({ steps, timesteps: given }) {
      const timesteps = checkTimesteps(given ?? spacedTimesteps(steps, spacing), trainTimesteps, steps);
      const levels = Array.from(timesteps, (t) => schedule.sigmas[t]!);
      return { timesteps, sigmas: Float64Array.from([...levels, 0]), initNoiseSigma: 1 };
    },
  };
}

/** With zero terminal SNR the first input is pure noise, of which ε says nothing. */
export function refuseBlindEpsilon(schedule: NoiseSchedule, prediction: string): void {
  if (prediction === "epsilon" && schedule.sigmaMax === Number.POSITIVE_INFINITY)
    invalid("rescale_betas_zero_snr", "needs a prediction_type other than epsilon", ["v_prediction", "sample"]);
}
