import { readClamp } from "./clamp.ts";
import type { ConfigReader } from "./config-reader.ts";
import { readFinal } from "./dpm-solver.ts";
import type { DiffusersPlan } from "./layout.ts";
import { readSchedule } from "./schedule.ts";
import { readSolverLevels } from "./solver-levels.ts";

/** DEISMultistepScheduler. */
export function deisMultistep(config: ConfigReader): DiffusersPlan {
  const schedule = readSchedule(config, { rescale: false });
  const levels = readSolverLevels(config, schedule, {
    minAfterCurve: "curve",
    finalDefault: "fixed_min",
    alwaysRoundKarras: true,
  });
  const order = config.integer("solver_order", 2, 1, 3) as 1 | 2 | 3;
  // diffusers takes the other solvers' names for its one algorithm.
  config.oneOf("algorithm_type", ["deis", "dpmsolver", "dpmsolver++"], "deis");
  config.oneOf("solver_type", ["logrho", "midpoint", "heun", "bh1", "bh2"], "logrho");
  const clamp = readClamp(config);
  return {
    ...levels,
    sampler: "deis",
    schedule,
    ...(clamp ? { clamp } : {}),
    options: { order },
    setTimesteps(request) {
      const layout = levels.setTimesteps(request);
      return { ...layout, options: { lowerOrderFinal: readFinal(config, layout.timesteps.length).lowerOrderFinal } };
    },
  };
}
