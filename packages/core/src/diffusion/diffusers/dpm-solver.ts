import { predictions } from "../prediction.ts";
import { roundHalfEven } from "../schedulers/spacing.ts";
import { readClamp } from "./clamp.ts";
import type { ConfigReader } from "./config-reader.ts";
import type { DiffusersPlan } from "./layout.ts";
import { readSchedule, SIGMA_TERMINAL_ALPHA_BAR } from "./schedule.ts";
import { curveSigmas, finish, readCurve, sigmasAt } from "./sigmas.ts";
import { readSpacing, solverTimesteps } from "./timesteps.ts";

/** DPMSolverMultistepScheduler. */
export function dpmSolverMultistep(config: ConfigReader): DiffusersPlan {
  const schedule = readSchedule(config, { terminalAlphaBar: SIGMA_TERMINAL_ALPHA_BAR });
  const spacing = readSpacing(config, schedule.trainTimesteps, "linspace");
  const curve = readCurve(config);
  config.oneOf("algorithm_type", ["dpmsolver++"], "dpmsolver++");
  config.oneOf("solver_type", ["midpoint"], "midpoint");
  config.mustBeOff("use_lu_lambdas", "use_flow_sigmas", "variance_type", "use_dynamic_shifting");
  const finalZero = config.oneOf("final_sigmas_type", ["zero", "sigma_min"], "zero") === "zero";
  const lowerOrderFinal = config.boolean("lower_order_final", true);
  const eulerAtFinal = config.boolean("euler_at_final", false);
  const rounded =
    config.oneOf("beta_schedule", ["linear", "scaled_linear", "squaredcos_cap_v2"], "linear") !== "squaredcos_cap_v2";
  const clamp = readClamp(config);
  return {
    sampler: "dpmpp_2m",
    prediction: config.oneOf("prediction_type", predictions.slice(0, 3), "epsilon"),
    schedule,
    space: "vp",
    ...(clamp ? { clamp } : {}),
    setTimesteps(steps) {
      let timesteps = solverTimesteps(steps, spacing);
      let levels = sigmasAt(timesteps, schedule);
      if (curve) {
        levels = curveSigmas(curve, steps, schedule.sigmaMin, schedule.sigmaMax);
        timesteps = levels.map((sigma) => schedule.sigmaToTimestep(sigma));
        if (curve === "use_karras_sigmas" && rounded) timesteps = timesteps.map(roundHalfEven);
      }
      return {
        timesteps: timesteps.map(Math.trunc),
        sigmas: finish(levels, finalZero ? 0 : schedule.sigmaMin),
        initNoiseSigma: 1,
        options: { lowerOrderFinal: eulerAtFinal || (lowerOrderFinal && steps < 15) },
      };
    },
  };
}
