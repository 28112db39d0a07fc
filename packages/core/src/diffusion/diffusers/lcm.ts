import { invalid } from "../invalid.ts";
import type { NoiseSchedule } from "../noise-schedule.ts";
import { fromRatio } from "../space.ts";
import { readClamp } from "./clamp.ts";
import type { ConfigReader } from "./config-reader.ts";
import { refuseBlindEpsilon } from "./ddim.ts";
import type { DiffusersPlan } from "./layout.ts";
import { readSchedule } from "./schedule.ts";
import { checkTimesteps } from "./timesteps.ts";

const SIGMA_DATA = 0.5;

/** LCMScheduler. */
export function lcmScheduler(config: ConfigReader): DiffusersPlan {
  const { schedule, prediction, layOut, maxSteps } = readDistilled(config);
  const scaling = config.number("timestep_scaling", 10, 1e-6, 1e6);
  const clamp = readClamp(config, false);
  return {
    sampler: "lcm",
    prediction,
    schedule,
    space: "vp",
    maxSteps,
    accepts: ["timesteps"],
    ...(clamp ? { clamp } : {}),
    // The last step keeps x0 as it is.
    setTimesteps: ({ steps, timesteps }) => layOut(steps, timesteps, 0),
    gridOptions: ({ timesteps }) => ({
      boundary: (index: number) => {
        const scaled = timesteps[index]! * scaling;
        const norm = scaled ** 2 + SIGMA_DATA ** 2;
        return { skip: SIGMA_DATA ** 2 / norm, out: scaled / Math.sqrt(norm) };
      },
    }),
  };
}

/** TCDScheduler. */
export function tcdScheduler(config: ConfigReader): DiffusersPlan {
  const { schedule, prediction, layOut, maxSteps } = readDistilled(config);
  return {
    sampler: "tcd",
    prediction,
    schedule,
    space: "vp",
    maxSteps,
    accepts: ["timesteps"],
    // The last step ends at timestep 0, not at σ = 0.
    setTimesteps: ({ steps, timesteps }) => layOut(steps, timesteps, schedule.sigmas[0]!),
    gridOptions: ({ timesteps }) => ({
      middles: (eta: number, index: number) =>
        fromRatio("vp", schedule.sigmas[Math.floor((1 - eta) * (timesteps[index + 1] ?? 0))]!),
    }),
  };
}

function readDistilled(config: ConfigReader) {
  const schedule: NoiseSchedule = readSchedule(config, {
    betaStart: 0.00085,
    betaEnd: 0.012,
    betaSchedule: "scaled_linear",
  });
  const { trainTimesteps } = schedule;
  const prediction = config.oneOf("prediction_type", ["epsilon", "sample", "v_prediction"], "epsilon");
  refuseBlindEpsilon(schedule, prediction);
  const original = config.integer("original_inference_steps", 50, 1, trainTimesteps);
  const layOut = (steps: number, given: Float64Array | undefined, final: number) => {
    const timesteps = checkTimesteps(
      given ?? distilledTimesteps(steps, original, trainTimesteps),
      trainTimesteps,
      steps,
    );
    if (timesteps.some((t) => !Number.isInteger(t))) invalid("timesteps", "must be whole numbers");
    const levels = Array.from(timesteps, (t) => schedule.sigmas[t]!);
    return { timesteps, sigmas: Float64Array.from([...levels, final]), initNoiseSigma: 1 };
  };
  return { schedule, prediction, layOut, maxSteps: original };
}

/** Evenly chosen from the timesteps that the model was distilled at, from the last down. */
function distilledTimesteps(steps: number, original: number, trainTimesteps: number): Float64Array {
  const stride = Math.floor(trainTimesteps / original);
  return Float64Array.from({ length: steps }, (_, i) => {
    const skipped = Math.floor(i * (original / steps));
    return (original - skipped) * stride - 1;
  });
}
