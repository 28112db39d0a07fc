import { invalid } from "../invalid.ts";
import type { PndmMove, PndmOptions } from "../samplers/pndm.ts";
import { fromRatio } from "../space.ts";
import type { ConfigReader } from "./config-reader.ts";
import type { DiffusersPlan } from "./layout.ts";
import { readSchedule } from "./schedule.ts";
import { checkTimesteps, readSpacing, spacedTimesteps } from "./timesteps.ts";

/** PNDMScheduler. Its timesteps are one a model call, so there are more of them than steps asked for, as in diffusers. */
export function pndmScheduler(config: ConfigReader): DiffusersPlan {
  const schedule = readSchedule(config, { rescale: false });
  const { trainTimesteps } = schedule;
  const spacing = readSpacing(config, trainTimesteps, "leading");
  const prediction = config.oneOf("prediction_type", ["epsilon", "v_prediction"], "epsilon");
  const skipPrk = config.boolean("skip_prk_steps", false);
  const finalSigma = config.boolean("set_alpha_to_one", false) ? 0 : schedule.sigmaMin;
  const levelOf = (t: number) => fromRatio("vp", t >= 0 ? schedule.sigmas[t]! : finalSigma);
  return {
    sampler: "pndm",
    prediction,
    schedule,
    space: "vp",
    maxSteps: trainTimesteps,
    setTimesteps({ steps }) {
      const plain = checkTimesteps(spacedTimesteps(steps, spacing), trainTimesteps, steps);
      const stride = Math.floor(trainTimesteps / steps);
      if (!skipPrk && steps < 4) invalid("steps", `must be at least 4 with skip_prk_steps off, not ${steps}`);
      const prk = skipPrk ? [] : prkTimesteps(Array.from(plain.slice(0, 4)), stride);
      const [first, second, ...rest] = plain;
      const plms = skipPrk
        ? [first!, ...(second === undefined ? [] : [second, second]), ...rest]
        : Array.from(plain.slice(3));
      const timesteps = Float64Array.from([...prk, ...plms]);
      const levels = Array.from(timesteps, (t) => schedule.sigmas[t]!);
      return {
        timesteps,
        sigmas: Float64Array.from([...levels, finalSigma]),
        initNoiseSigma: 1,
        nominalSteps: steps,
        options: { stride, prk } satisfies Start,
      };
    },
    gridOptions: ({ timesteps, options }) => {
      const { stride, prk } = options as Start;
      const moves = (): PndmMove[] => makeMoves(timesteps, stride, prk, levelOf);
      return { moves, multistepOf: prediction } satisfies PndmOptions;
    },
  };
}

interface Start {
  /** Training timesteps a step goes down by. */
  stride: number;
  /** The timesteps of the Runge–Kutta start's calls. */
  prk: readonly number[];
}

/** The Runge–Kutta start's calls: each of the first three steps at its beginning, twice in its middle, and at its end. */
function prkTimesteps(first: number[], stride: number): number[] {
  const half = Math.floor(stride / 2);
  return first.slice(0, 3).flatMap((t, i) => {
    // diffusers puts the middle half a stride above the step's end.
    const end = first[i + 1]!;
    return [t, end + half, end + half, end];
  });
}

/**
 * The calls' moves. diffusers counts from the first call that is run: after a late start (image-to-image) too the first are taken for the
 * Runge–Kutta start, from the levels that the whole layout's had.
 */
function makeMoves(
  timesteps: Float64Array,
  stride: number,
  prk: readonly number[],
  levelOf: (timestep: number) => number,
): PndmMove[] {
  const half = Math.floor(stride / 2);
  const stages = ["rk1", "rk2", "rk3", "rk4"] as const;
  return Array.from(timesteps, (t, call): PndmMove => {
    const at = levelOf(t);
    if (call < prk.length) {
      const start = prk[Math.floor(call / 4) * 4]!;
      return { index: call, at, from: levelOf(start), to: levelOf(t - (call % 2 ? 0 : half)), kind: stages[call % 4]! };
    }
    if (call === 1) return { index: call, at, from: levelOf(t + stride), to: at, kind: "heun" };
    return { index: call, at, from: at, to: levelOf(t - stride), kind: "ab" };
  });
}
