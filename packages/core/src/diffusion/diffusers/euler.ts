import { linspaceF32 } from "../betas.ts";
import { invalid } from "../invalid.ts";
import type { ConfigReader } from "./config-reader.ts";
import type { DiffusersPlan } from "./layout.ts";
import { readSchedule, SIGMA_TERMINAL_ALPHA_BAR } from "./schedule.ts";
import { curveOver, finish, readCurve, sigmasAt } from "./sigmas.ts";
import { checkTimesteps, readSpacing, spacedTimesteps } from "./timesteps.ts";

/** EulerDiscreteScheduler. */
export function eulerDiscrete(config: ConfigReader): DiffusersPlan {
  const schedule = readSchedule(config, { terminalAlphaBar: SIGMA_TERMINAL_ALPHA_BAR });
  const spacing = readSpacing(config, schedule.trainTimesteps, "linspace");
  const prediction = config.oneOf("prediction_type", ["epsilon", "v_prediction", "sample"], "epsilon");
  const interpolation = config.oneOf("interpolation_type", ["linear", "log_linear"], "linear");
  const continuous =
    config.oneOf("timestep_type", ["discrete", "continuous"], "discrete", "discrete") === "continuous" &&
    prediction === "v_prediction";
  const curve = readCurve(config);
  const finalSigma =
    config.oneOf("final_sigmas_type", ["zero", "sigma_min"], "zero") === "zero" ? 0 : schedule.sigmaMin;
  const bounds = config.sigmaBounds(schedule);
  return {
    sampler: "euler",
    prediction,
    schedule,
    space: "ve",
    accepts: curve || continuous ? ["sigmas"] : ["sigmas", "timesteps"],
    ...(continuous ? { timestepOf: (sigma: number) => 0.25 * Math.log(sigma) } : {}),
    setTimesteps({ steps, timesteps: given, sigmas: levelsGiven }) {
      let timesteps = given ? Float64Array.from(given, Math.fround) : spacedTimesteps(steps, spacing, true);
      let sigmas: Float64Array;
      if (levelsGiven) {
        if (levelsGiven.length < 2)
          invalid("sigmas", "needs at least 2 noise levels, the last being where sampling ends");
        sigmas = levelsGiven.map(Math.fround);
        timesteps = sigmas.slice(0, -1).map((sigma) => schedule.sigmaToTimestep(sigma));
      } else {
        checkTimesteps(timesteps, schedule.trainTimesteps, steps);
        let levels = sigmasAt(timesteps, schedule);
        if (interpolation === "log_linear") levels = logLinear(schedule.sigmaMax, schedule.sigmaMin, steps);
        if (curve) {
          levels = curveOver(curve, steps, levels, bounds);
          timesteps = levels.map((sigma) => schedule.sigmaToTimestep(sigma));
        }
        sigmas = interpolation === "log_linear" && !curve ? levels : finish(levels, finalSigma);
      }
      if (continuous) timesteps = sigmas.slice(0, -1).map((sigma) => 0.25 * Math.log(sigma));
      return {
        timesteps: timesteps.map(Math.fround),
        sigmas,
        initNoiseSigma: initNoise(sigmas, spacing.spacing),
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
    setTimesteps({ steps }) {
      const timesteps = checkTimesteps(spacedTimesteps(steps, spacing, true), schedule.trainTimesteps, steps);
      const sigmas = finish(sigmasAt(timesteps, schedule), 0);
      return { timesteps, sigmas, initNoiseSigma: initNoise(sigmas, spacing.spacing) };
    },
  };
}

/** The first latent's standard deviation in the σ-space schedulers: with leading spacing the signal's variance counts too. */
export function initNoise(sigmas: Float64Array, spacing: string): number {
  return spacing === "leading" ? Math.hypot(1, sigmas[0]!) : sigmas[0]!;
}

/** n + 1 levels even in log σ, so that the last step lands on σ_min whatever `final_sigmas_type` says, as in diffusers. */
function logLinear(sigmaMax: number, sigmaMin: number, n: number): Float64Array {
  const logs = linspaceF32(Math.fround(Math.log(sigmaMax)), Math.fround(Math.log(sigmaMin)), n + 1);
  return Float64Array.from(logs, (value) => Math.fround(Math.exp(value)));
}
