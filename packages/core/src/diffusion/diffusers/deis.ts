import { invalid } from "../invalid.ts";
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
  const order = config.number("solver_order", 2);
  if (order !== 1 && order !== 2 && order !== 3)
    return invalid("solver_order", `${order} can't be followed`, [1, 2, 3]);
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
