import type { Mix } from "../grid.ts";
import { readClamp } from "./clamp.ts";
import type { ConfigReader } from "./config-reader.ts";
import type { DiffusersPlan } from "./layout.ts";
import { readSchedule } from "./schedule.ts";
import { readSolverLevels } from "./solver-levels.ts";

/** SASolverScheduler. A `tau_func` can't be stored in a config, so τ is the default, 1 from timestep 200 to 800. */
export function saSolverScheduler(config: ConfigReader): DiffusersPlan {
  const schedule = readSchedule(config, { rescale: false });
  const levels = readSolverLevels(config, schedule, {
    minAfterCurve: "curve",
    finalDefault: "fixed_min",
    alwaysRoundKarras: true,
    lambdaMinClipped: true,
  });
  config.mustBeOff("tau_func", "variance_type");
  const algorithm = config.oneOf("algorithm_type", ["data_prediction", "noise_prediction"], "data_prediction");
  const clamp = readClamp(config);
  return {
    ...levels,
    sampler: "sa_solver",
    schedule,
    ...(clamp ? { clamp } : {}),
    setTimesteps(request) {
      const layout = levels.setTimesteps(request);
      return { ...layout, mixes: Array.from(layout.timesteps, mixOf) };
    },
    options: {
      predict: algorithm === "data_prediction" ? "data" : "noise",
      predictorOrder: config.integer("predictor_order", 2, 1, 4),
      correctorOrder: config.integer("corrector_order", 2, 1, 4),
      lowerOrderFinal: config.boolean("lower_order_final", true),
    },
  };

  /** diffusers noises a picture by the ᾱ of the whole timestep, wherever a curve or a flow has put the step's level. */
  function mixOf(timestep: number): Mix {
    const sigma = schedule.sigmas[timestep]!;
    const norm = Math.hypot(1, sigma);
    return { alpha: 1 / norm, sigma: sigma / norm };
  }
}
