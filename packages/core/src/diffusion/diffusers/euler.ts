import { linspaceF32 } from "../betas.ts";
import { predictions } from "../prediction.ts";
import type { ConfigReader } from "./config-reader.ts";
import type { DiffusersPlan } from "./layout.ts";
import { readSchedule, SIGMA_TERMINAL_ALPHA_BAR } from "./schedule.ts";
import { curveSigmas, finish, readCurve, sigmasAt } from "./sigmas.ts";
import { readSpacing, spacedTimesteps } from "./timesteps.ts";

/** EulerDiscreteScheduler. */
export function eulerDiscrete(config: ConfigReader): DiffusersPlan {
  const schedule = readSchedule(config, { terminalAlphaBar: SIGMA_TERMINAL_ALPHA_BAR });
  const spacing = readSpacing(config, schedule.trainTimesteps, "linspace");
  const prediction = config.oneOf("prediction_type", predictions.slice(0, 3), "epsilon");
  const interpolation = config.oneOf("interpolation_type", ["linear", "log_linear"], "linear");
  const continuous =
    config.oneOf("timestep_type", ["discrete", "continuous"], "discrete") === "continuous" &&
    prediction === "v_prediction";
  const curve = readCurve(config);
  const finalSigma =
    config.oneOf("final_sigmas_type", ["zero", "sigma_min"], "zero") === "zero" ? 0 : schedule.sigmaMin;
  const [sigmaMin, sigmaMax] = [config.optionalNumber("sigma_min"), config.optionalNumber("sigma_max")];
  return {
    sampler: "euler",
    prediction,
    schedule,
    space: "ve",
    setTimesteps(steps) {
      let timesteps = spacedTimesteps(steps, spacing, true);
      let levels = sigmasAt(timesteps, schedule);
      if (interpolation === "log_linear") levels = logLinear(schedule.sigmaMax, schedule.sigmaMin, steps);
      const endsItself = interpolation === "log_linear" && !curve;
      if (curve) {
        levels = curveSigmas(curve, steps, sigmaMin ?? levels[levels.length - 1]!, sigmaMax ?? levels[0]!);
        timesteps = levels.map((sigma) => schedule.sigmaToTimestep(sigma));
      }
      const sigmas = endsItself ? levels : finish(levels, finalSigma);
      if (continuous) timesteps = sigmas.slice(0, -1).map((sigma) => Math.fround(0.25 * Math.log(sigma)));
      const first = sigmas[0]!;
      return {
        timesteps: timesteps.map(Math.fround),
        sigmas,
        initNoiseSigma: spacing.spacing === "leading" ? Math.hypot(1, first) : first,
      };
    },
  };
}

/** EulerAncestralDiscreteScheduler. */
export function eulerAncestralDiscrete(config: ConfigReader): DiffusersPlan {
  const schedule = readSchedule(config, { terminalAlphaBar: SIGMA_TERMINAL_ALPHA_BAR });
  const spacing = readSpacing(config, schedule.trainTimesteps, "linspace");
  return {
    sampler: "euler_ancestral",
    prediction: config.oneOf("prediction_type", ["epsilon", "v_prediction"], "epsilon"),
    schedule,
    space: "ve",
    setTimesteps(steps) {
      const timesteps = spacedTimesteps(steps, spacing, true);
      const sigmas = finish(sigmasAt(timesteps, schedule), 0);
      const first = sigmas[0]!;
      return { timesteps, sigmas, initNoiseSigma: spacing.spacing === "leading" ? Math.hypot(1, first) : first };
    },
  };
}

/** n + 1 levels even in log σ, so that the last step lands on σ_min whatever `final_sigmas_type` says, as in diffusers. */
function logLinear(sigmaMax: number, sigmaMin: number, n: number): Float64Array {
  const logs = linspaceF32(Math.fround(Math.log(sigmaMax)), Math.fround(Math.log(sigmaMin)), n + 1);
  return Float64Array.from(logs, (value) => Math.fround(Math.exp(value)));
}
