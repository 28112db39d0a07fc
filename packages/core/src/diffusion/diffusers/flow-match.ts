import { makeFlowSchedule, shiftTime } from "../flow-schedule.ts";
import { invalid, requireNumber } from "../invalid.ts";
import { linspace } from "../schedulers/spacing.ts";
import type { ConfigReader } from "./config-reader.ts";
import { readDynamicShift } from "./dynamic-shift.ts";
import type { DiffusersPlan } from "./layout.ts";
import { curveOver, finish, readCurve } from "./sigmas.ts";

/** FlowMatchEulerDiscreteScheduler. */
export function flowMatchEuler(config: ConfigReader): DiffusersPlan {
  const trainTimesteps = config.trainTimesteps();
  const shift = config.number("shift", 1, 1e-6, 1e6);
  const dynamicShift = readDynamicShift(config);
  const dynamic = dynamicShift !== undefined;
  const linear = config.oneOf("time_shift_type", ["exponential", "linear"], "exponential") === "linear";
  const terminal = readTerminal(config);
  const curve = readCurve(config);
  config.mustBeOff("invert_sigmas");
  // The dynamic shift is left to each run, so the training range isn't shifted beforehand.
  const schedule = makeFlowSchedule({ shift: dynamic ? 1 : shift, trainTimesteps });
  return {
    sampler: config.boolean("stochastic_sampling", false) ? "lcm" : "euler",
    prediction: "flow_prediction",
    schedule,
    space: "flow",
    accepts: ["sigmas", "timesteps"],
    dynamicShift,
    setTimesteps({ steps, sigmas: given, timesteps, mu }) {
      const { sigmaMin, sigmaMax } = schedule;
      const times =
        given?.map(Math.fround) ??
        (timesteps ?? linspace(sigmaMax * trainTimesteps, sigmaMin * trainTimesteps, steps)).map(
          (t) => t / trainTimesteps,
        );
      if (times.some((t) => t <= 0 || t > 1))
        invalid(given ? "sigmas" : "timesteps", "must lie in (0, 1], timesteps scaled");
      const by = dynamic ? dynamicShiftOf(mu, linear) : shift;
      let levels: Float64Array = Float64Array.from(times, (t) => shiftTime(t, by));
      if (terminal) levels = stretchToTerminal(levels, terminal);
      if (curve) levels = curveOver(curve, steps, levels);
      const sigmas = finish(levels, 0);
      const told = timesteps ?? sigmas.slice(0, -1).map((sigma) => sigma * trainTimesteps);
      return { timesteps: told.map(Math.fround), sigmas, initNoiseSigma: 1 };
    },
  };
}

/** FlowMatchHeunDiscreteScheduler. */
export function flowMatchHeun(config: ConfigReader): DiffusersPlan {
  const trainTimesteps = config.trainTimesteps();
  const shift = config.number("shift", 1, 1e-6, 1e6);
  const schedule = makeFlowSchedule({ shift, trainTimesteps });
  return {
    sampler: "heun",
    prediction: "flow_prediction",
    schedule,
    space: "flow",
    setTimesteps({ steps }) {
      const levels = linspace(schedule.sigmaMax, schedule.sigmaMin, steps).map((t) => shiftTime(t, shift));
      const sigmas = finish(levels, 0);
      const timesteps = sigmas.slice(0, -1).map((sigma) => Math.fround(sigma * trainTimesteps));
      return { timesteps, sigmas, initNoiseSigma: 1 };
    },
  };
}

function dynamicShiftOf(mu: number | undefined, linear: boolean): number {
  if (mu === undefined)
    return invalid("mu", "must be given with use_dynamic_shifting, or tokens, the number of image tokens");
  requireNumber("mu", mu, linear ? 1e-6 : -20, linear ? 1e6 : 20);
  return linear ? mu : Math.exp(mu);
}

/** `shift_terminal`, undefined where it is off. At 1 there would be no way to go. */
export function readTerminal(config: ConfigReader): number | undefined {
  return config.optionalNumber("shift_terminal", 0, 0.999) || undefined;
}

/** Stretches flow levels so that the last is `terminal` (`shift_terminal`). */
export function stretchToTerminal(levels: Float64Array, terminal: number): Float64Array {
  const scale = (1 - levels[levels.length - 1]!) / (1 - terminal);
  // A single level is pure noise, which stays so.
  if (scale === 0) return levels;
  return levels.map((level) => 1 - (1 - level) / scale);
}
