import { linspaceF32 } from "../betas.ts";
import { makeEdmSchedule } from "../flow-schedule.ts";
import { invalid } from "../invalid.ts";
import { karrasSigmas } from "../schedulers/karras.ts";
import { readClamp } from "./clamp.ts";
import type { ConfigReader } from "./config-reader.ts";
import { multistepName, readAlgorithm, readFinal } from "./dpm-solver.ts";
import type { DiffusersPlan, Layout } from "./layout.ts";
import { finish } from "./sigmas.ts";

/** EDMEulerScheduler. */
export function edmEuler(config: ConfigReader): DiffusersPlan {
  return { ...readEdm(config, (levels) => levels[levels.length - 1]!), sampler: "euler" };
}

/** EDMDPMSolverMultistepScheduler. */
export function edmDpmSolver(config: ConfigReader): DiffusersPlan {
  const edm = readEdm(config, (_, sigmaMin) => sigmaMin);
  const { order, algorithm } = readAlgorithm(config, ["dpmsolver++", "sde-dpmsolver++"]);
  if (order === 3 && algorithm.eta > 0)
    invalid("solver_order", "3 can't be had with algorithm_type sde-dpmsolver++", [1, 2]);
  const clamp = readClamp(config);
  return {
    ...edm,
    sampler: multistepName(order, algorithm),
    ...(clamp ? { clamp } : {}),
    options: { ...algorithm, order },
    setTimesteps: (request) => {
      const layout = edm.setTimesteps(request);
      return { ...layout, options: readFinal(config, request.steps) };
    },
  };
}

function readEdm(
  config: ConfigReader,
  lowest: (levels: Float64Array, sigmaMin: number) => number,
): Omit<DiffusersPlan, "sampler"> {
  const sigmaMin = config.number("sigma_min", 0.002, 1e-9, 1e9);
  const sigmaMax = config.number("sigma_max", 80, sigmaMin, 1e9);
  const rho = config.number("rho", 7, 0.01, 1000);
  const schedule = makeEdmSchedule({ sigmaMin, sigmaMax, trainTimesteps: config.trainTimesteps() });
  const exponential = config.oneOf("sigma_schedule", ["karras", "exponential"], "karras") === "exponential";
  const endsAtZero = config.oneOf("final_sigmas_type", ["zero", "sigma_min"], "zero") === "zero";
  return {
    prediction: config.oneOf("prediction_type", ["epsilon", "v_prediction"], "epsilon") === "epsilon" ? "edm" : "edm_v",
    schedule,
    space: "ve",
    sigmaData: config.number("sigma_data", 0.5, 1e-6, 1e6),
    setTimesteps({ steps }): Layout {
      const levels = exponential
        ? Float64Array.from(linspaceF32(Math.log(sigmaMin), Math.log(sigmaMax), steps), Math.exp).reverse()
        : karrasSigmas(steps, sigmaMin, sigmaMax, rho);
      const sigmas = finish(levels, endsAtZero ? 0 : lowest(levels, sigmaMin));
      const timesteps = sigmas.slice(0, -1).map((sigma) => Math.fround(0.25 * Math.log(sigma)));
      return { timesteps, sigmas, initNoiseSigma: Math.hypot(1, sigmaMax) };
    },
  };
}
