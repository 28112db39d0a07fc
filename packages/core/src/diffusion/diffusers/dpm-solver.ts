import { invalid } from "../invalid.ts";
import type { DpmAlgorithm } from "../samplers/dpm-solver-weights.ts";
import type { SamplerName } from "../samplers.ts";
import { readClamp } from "./clamp.ts";
import type { ConfigReader } from "./config-reader.ts";
import type { DiffusersPlan } from "./layout.ts";
import { readSchedule, SIGMA_TERMINAL_ALPHA_BAR } from "./schedule.ts";
import { readSolverLevels } from "./solver-levels.ts";

/** DPMSolverMultistepScheduler. */
export function dpmSolverMultistep(config: ConfigReader): DiffusersPlan {
  const schedule = readSchedule(config, { terminalAlphaBar: SIGMA_TERMINAL_ALPHA_BAR });
  const levels = readSolverLevels(config, schedule, {
    minAfterCurve: "table",
    finalDefault: "zero",
    takesTimesteps: true,
    luLambdas: true,
    lambdaMinClipped: true,
  });
  const { order, algorithm } = readAlgorithm(config, ["dpmsolver++", "dpmsolver", "sde-dpmsolver++", "sde-dpmsolver"]);
  if (order === 3 && algorithm.predict === "noise" && algorithm.eta > 0)
    invalid("solver_order", "3 can't be had with algorithm_type sde-dpmsolver", [1, 2]);
  const clamp = readClamp(config);
  return {
    ...levels,
    sampler: multistepName(order, algorithm),
    schedule,
    ...(clamp ? { clamp } : {}),
    options: { ...algorithm, order },
    setTimesteps(request) {
      const layout = levels.setTimesteps(request);
      return { ...layout, options: readFinal(config, layout.timesteps.length) };
    },
  };
}

/** `lower_order_final` and `euler_at_final`, which depend on the number of steps. */
export function readFinal(config: ConfigReader, steps: number): { lowerOrderFinal: boolean; eulerAtFinal: boolean } {
  return {
    lowerOrderFinal: config.boolean("lower_order_final", true) && steps < 15,
    eulerAtFinal: config.boolean("euler_at_final", false),
  };
}

/** The sampler's name where it is one that has its own. */
export function multistepName(order: number, { predict, solver, eta }: DpmAlgorithm): SamplerName {
  if (predict === "noise" || order !== 2) return "dpm_solver_multistep";
  if (eta > 0) return solver === "midpoint" ? "dpmpp_2m_sde" : "dpmpp_2m_sde_heun";
  return solver === "midpoint" ? "dpmpp_2m" : "dpm_solver_multistep";
}

/** Reads `algorithm_type`, `solver_type`, `solver_order`, and refuses what diffusers refuses. */
export function readAlgorithm(
  config: ConfigReader,
  algorithms: readonly string[],
): { order: 1 | 2 | 3; algorithm: DpmAlgorithm } {
  // Other solvers' names are taken to mean the defaults, as in diffusers, so that a config can be carried over.
  const type = config.oneOf("algorithm_type", [...algorithms, "deis"], "dpmsolver++");
  const solver = config.oneOf("solver_type", ["midpoint", "heun", "logrho", "bh1", "bh2"], "midpoint");
  const order = config.integer("solver_order", 2, 1, 3) as 1 | 2 | 3;
  config.mustBeOff("variance_type");
  const predict = type.includes("++") || type === "deis" ? "data" : "noise";
  const final = config.oneOf("final_sigmas_type", ["zero", "sigma_min"], "zero");
  if (predict === "noise" && final === "zero")
    invalid("final_sigmas_type", `zero can't be had with algorithm_type ${type}`, ["sigma_min"]);
  const algorithm: DpmAlgorithm = {
    predict,
    solver: solver === "heun" ? "heun" : "midpoint",
    eta: type.startsWith("sde") ? 1 : 0,
    asDiffusers: true,
  };
  return { order, algorithm };
}

/** DPMSolverSinglestepScheduler. */
export function dpmSolverSinglestep(config: ConfigReader): DiffusersPlan {
  const schedule = readSchedule(config, { rescale: false });
  const levels = readSolverLevels(config, schedule, {
    minAfterCurve: "table",
    finalDefault: "zero",
    alwaysRoundKarras: true,
    linspaceOnly: true,
    takesTimesteps: true,
    lambdaMinClipped: true,
  });
  const { order, algorithm } = readAlgorithm(config, ["dpmsolver++", "dpmsolver", "sde-dpmsolver++"]);
  const finalZero = config.oneOf("final_sigmas_type", ["zero", "sigma_min"], "zero") === "zero";
  const lowerOrderFinal = config.boolean("lower_order_final", false);
  const clamp = readClamp(config);
  return {
    ...levels,
    sampler: "dpm_solver_singlestep",
    schedule,
    ...(clamp ? { clamp } : {}),
    options: algorithm,
    setTimesteps(request) {
      const layout = levels.setTimesteps(request);
      const steps = layout.timesteps.length;
      // diffusers turns lower_order_final on where the steps don't come out even or the end is at σ = 0.
      const orders = orderList(steps, order, lowerOrderFinal || finalZero || steps % order !== 0);
      if (finalZero) orders[steps - 1] = 1;
      return { ...layout, options: { orders } satisfies Orders };
    },
    gridOptions: ({ options, offset }) => ({ orders: (options as Orders).orders.slice(offset) }),
  };
}

interface Orders {
  orders: number[];
}

/** The order of each step: groups 1 … order, and with `lowerFinal` smaller groups at the end. */
function orderList(steps: number, order: number, lowerFinal: boolean): number[] {
  const group = Array.from({ length: order }, (_, i) => i + 1);
  const groups = (count: number) => Array.from({ length: Math.max(0, count) }, () => group).flat();
  if (!lowerFinal || order === 1) return groups(Math.floor(steps / order));
  const whole = Math.floor(steps / order);
  const rest = steps % order;
  if (rest === 0) return [...groups(whole - 1), ...(order === 3 ? [1, 2, 1] : [1, 1])];
  return [...groups(whole), ...group.slice(0, rest)];
}
