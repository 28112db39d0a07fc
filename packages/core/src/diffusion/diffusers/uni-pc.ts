import { shiftTime } from "../flow-schedule.ts";
import { invalid, requireNumber } from "../invalid.ts";
import { linspace } from "../schedulers/spacing.ts";
import { readClamp } from "./clamp.ts";
import type { ConfigReader } from "./config-reader.ts";
import { readTerminal, stretchToTerminal } from "./flow-match.ts";
import type { DiffusersPlan, Layout, LayoutRequest } from "./layout.ts";
import { readSchedule, SIGMA_TERMINAL_ALPHA_BAR } from "./schedule.ts";
import { curveOver, finish, readCurve } from "./sigmas.ts";
import { readSolverLevels } from "./solver-levels.ts";

/** UniPCMultistepScheduler. */
export function uniPcMultistep(config: ConfigReader): DiffusersPlan {
  const schedule = readSchedule(config, { terminalAlphaBar: SIGMA_TERMINAL_ALPHA_BAR });
  const levels = readSolverLevels(config, schedule, {
    minAfterCurve: "curve",
    finalDefault: "zero",
    alwaysRoundKarras: true,
    bounds: true,
    linearShift: true,
  });
  const flow = levels.space === "flow";
  const order = config.integer("solver_order", 2, 1, 4);
  const solver = config.oneOf("solver_type", ["bh1", "bh2", "midpoint", "heun", "logrho"], "bh2");
  config.mustBeOff("solver_p");
  if (!flow && readTerminal(config)) invalid("shift_terminal", "needs use_flow_sigmas on");
  const disableCorrector = config.optionalNumbers("disable_corrector") ?? [];
  if (disableCorrector.some((step) => !Number.isInteger(step) || step < 0))
    invalid("disable_corrector", "must be a list of steps: whole numbers from 0");
  const clamp = readClamp(config);
  const lowerOrderFinal = config.boolean("lower_order_final", true);
  const predict = config.boolean("predict_x0", true) ? ("data" as const) : ("noise" as const);
  if (
    predict === "noise" &&
    config.oneOf("final_sigmas_type", ["zero", "sigma_min"], "zero") === "zero" &&
    !lowerOrderFinal
  )
    invalid("lower_order_final", "must be on with predict_x0 off and final_sigmas_type zero", ["true"]);
  return {
    ...levels,
    ...(flow ? { accepts: ["sigmas"] } : {}),
    sampler: solver === "bh1" ? "uni_pc" : "uni_pc_bh2",
    schedule,
    ...(clamp ? { clamp } : {}),
    options: { order, lowerOrderFinal, predict },
    setTimesteps: flow ? (request) => flowLevels(config, schedule, request) : levels.setTimesteps,
    gridOptions: ({ offset }) => ({ disableCorrector: disableCorrector.map((step) => step - offset) }),
  };
}

const ALMOST = 1e-6;

function flowLevels(
  config: ConfigReader,
  schedule: DiffusersPlan["schedule"],
  { steps, sigmas: given, mu }: LayoutRequest,
): Layout {
  const { trainTimesteps } = schedule;
  const curve = readCurve(config);
  let levels: Float64Array;
  if (curve) {
    if (curve !== "use_karras_sigmas") return invalid(curve, "can't be had together with use_flow_sigmas");
    const ratios = curveOver(curve, steps, [schedule.sigmaMax, schedule.sigmaMin], config.sigmaBounds(schedule));
    levels = ratios.map((ratio) => ratio / (1 + ratio));
  } else {
    const times = given ?? linspace(1, 1 / trainTimesteps, steps + 1).slice(0, steps);
    levels = times.map((t) => shiftTime(t, shiftOf()));
    const terminal = readTerminal(config);
    if (terminal) levels = stretchToTerminal(levels, terminal);
    if (Math.abs(levels[0]! - 1) < ALMOST) levels[0] = levels[0]! - ALMOST;
  }
  const final = config.oneOf("final_sigmas_type", ["zero", "sigma_min"], "zero") === "zero" ? 0 : levels[steps - 1]!;
  const timesteps = levels.map((sigma) => Math.trunc(sigma * trainTimesteps));
  return { timesteps, sigmas: finish(levels, final), initNoiseSigma: 1 };

  function shiftOf(): number {
    if (!config.boolean("use_dynamic_shifting", false)) return config.number("flow_shift", 1, 1e-6, 1e6);
    const by = requireNumber("mu", mu, -20, 20);
    return config.oneOf("time_shift_type", ["exponential", "linear"], "exponential") === "linear" ? by : Math.exp(by);
  }
}
