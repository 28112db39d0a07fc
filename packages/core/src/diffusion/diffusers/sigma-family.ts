import type { BetaSchedule } from "../betas.ts";
import { requireInteger } from "../invalid.ts";
import type { Prediction } from "../prediction.ts";
import { roundHalfEven } from "../schedulers/spacing.ts";
import { readClamp } from "./clamp.ts";
import type { ConfigReader } from "./config-reader.ts";
import { initNoise } from "./euler.ts";
import type { DiffusersPlan } from "./layout.ts";
import { readSchedule } from "./schedule.ts";
import { curveOver, finish, readCurve, sigmasAt } from "./sigmas.ts";
import { checkTimesteps, readSpacing, spacedTimesteps } from "./timesteps.ts";

/** Where the σ-space schedulers with the same `set_timesteps` differ. */
interface Member {
  sampler: DiffusersPlan["sampler"];
  options?: object;
  defaults: { betaStart?: number; betaEnd?: number; allowed?: readonly BetaSchedule[] };
  predictions: readonly Prediction[];
  /** Whether the network is told whole timesteps at Karras' levels. */
  roundKarras?: boolean;
  /** Whether its second call is told the timestep of its own level, which at η = 1 is the next one's. */
  betweenLevels?: boolean;
  clips?: boolean;
  takesTimesteps?: boolean;
  /** Whether its noise is a Brownian tree's. */
  hasTree?: boolean;
  fractional64?: boolean;
  gridOptions?: DiffusersPlan["gridOptions"];
}

const sd = { betaStart: 0.00085, betaEnd: 0.012 } as const;

/** HeunDiscreteScheduler. */
export const heunDiscrete = member({
  sampler: "heun",
  defaults: { ...sd, allowed: ["linear", "scaled_linear", "squaredcos_cap_v2", "exp"] },
  predictions: ["epsilon", "v_prediction", "sample"],
  clips: true,
  takesTimesteps: true,
});

/** LMSDiscreteScheduler. */
export const lmsDiscrete = member({
  sampler: "lms",
  options: { fullOrderFinal: true },
  defaults: {},
  predictions: ["epsilon", "v_prediction", "sample"],
  gridOptions: ({ whole, offset }) => (whole ? { earlier: whole.slice(0, offset) } : {}),
});

/** KDPM2DiscreteScheduler. */
export const kDpm2Discrete = member({
  sampler: "dpm_2",
  defaults: sd,
  predictions: ["epsilon", "v_prediction"],
  roundKarras: true,
});

/** KDPM2AncestralDiscreteScheduler. */
export const kDpm2AncestralDiscrete = member({
  sampler: "dpm_2_ancestral",
  betweenLevels: true,
  defaults: sd,
  predictions: ["epsilon", "v_prediction"],
  roundKarras: true,
});

/** DPMSolverSDEScheduler; its noise is a Brownian tree's, from `noise_sampler_seed` or the run's own. */
export const dpmSolverSde = member({
  sampler: "dpmpp_sde",
  options: { asDiffusers: true },
  defaults: sd,
  predictions: ["epsilon", "v_prediction"],
  fractional64: true,
  hasTree: true,
});

function member(kind: Member): (config: ConfigReader) => DiffusersPlan {
  return (config) => {
    const schedule = readSchedule(config, { ...kind.defaults, rescale: false });
    const spacing = readSpacing(config, schedule.trainTimesteps, "linspace");
    const curve = readCurve(config);
    const clamp = kind.clips ? readClamp(config, false) : undefined;
    const treeSeed = kind.hasTree ? config.optionalNumber("noise_sampler_seed") : undefined;
    if (treeSeed !== undefined) requireInteger("noise_sampler_seed", treeSeed, 0, Number.MAX_SAFE_INTEGER);
    return {
      sampler: kind.sampler,
      prediction: config.oneOf("prediction_type", kind.predictions, "epsilon"),
      schedule,
      space: "ve",
      ...(kind.options ? { options: kind.options } : {}),
      ...(kind.gridOptions ? { gridOptions: kind.gridOptions } : {}),
      accepts: kind.takesTimesteps && !curve ? ["timesteps"] : [],
      ...(clamp ? { clamp } : {}),
      ...(treeSeed === undefined ? {} : { treeSeed }),
      ...(kind.betweenLevels ? { betweenLevels: true } : {}),
      setTimesteps({ steps, timesteps: given }) {
        let timesteps = given ?? spacedTimesteps(steps, spacing, kind.fractional64 ? "double" : true);
        checkTimesteps(timesteps, schedule.trainTimesteps, steps);
        let levels = sigmasAt(timesteps, schedule);
        if (curve) {
          levels = curveOver(curve, steps, levels);
          timesteps = levels.map((sigma) => schedule.sigmaToTimestep(sigma));
          if (kind.roundKarras && curve === "use_karras_sigmas") timesteps = timesteps.map(roundHalfEven);
        }
        const sigmas = finish(levels, 0);
        return {
          timesteps,
          sigmas,
          initNoiseSigma: initNoise(sigmas, spacing.spacing),
          // Over given timesteps diffusers' pipelines take the number of calls for the number of steps.
          ...(given ? { nominalSteps: 2 * timesteps.length - 1 } : {}),
        };
      },
    };
  };
}
