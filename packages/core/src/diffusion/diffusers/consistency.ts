import { clipSample } from "../clamp.ts";
import { makeEdmSchedule } from "../flow-schedule.ts";
import type { ConfigReader } from "./config-reader.ts";
import type { DiffusersPlan } from "./layout.ts";
import { finish } from "./sigmas.ts";

/** CMStochasticIterativeScheduler. */
export function consistencyModels(config: ConfigReader): DiffusersPlan {
  const trainTimesteps = config.trainTimesteps(40);
  const sigmaMin = config.number("sigma_min", 0.002, 1e-9, 1e9);
  const sigmaMax = config.number("sigma_max", 80, sigmaMin, 1e9);
  const rho = config.number("rho", 7, 0.01, 1000);
  const schedule = makeEdmSchedule({ sigmaMin, sigmaMax, trainTimesteps });
  const [from, to] = [sigmaMax ** (1 / rho), sigmaMin ** (1 / rho)];
  return {
    sampler: "consistency",
    prediction: "consistency",
    schedule,
    space: "ve",
    maxSteps: trainTimesteps,
    accepts: ["timesteps"],
    sigmaData: config.number("sigma_data", 0.5, 1e-6, 1e6),
    sigmaMin,
    options: { sigmaMin, sigmaMax, sNoise: config.number("s_noise", 1, 0, 100) },
    ...(config.boolean("clip_denoised", true) ? { clamp: clipSample(1) } : {}),
    timestepOf: (sigma) => 250 * Math.log(sigma),
    setTimesteps({ steps, timesteps: given }) {
      const stride = Math.floor(trainTimesteps / steps);
      // Here "timesteps" count the levels from the highest; the network is told 250·ln σ.
      const places = given?.slice().reverse() ?? Float64Array.from({ length: steps }, (_, i) => i * stride);
      const levels = places.map((place) => (from + (place / (trainTimesteps - 1)) * (to - from)) ** rho);
      const timesteps = levels.map((sigma) => 250 * Math.log(sigma));
      return { timesteps, sigmas: finish(levels, sigmaMin), initNoiseSigma: sigmaMax };
    },
  };
}
