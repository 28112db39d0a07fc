import { shiftTime } from "../flow-schedule.ts";
import { invalid, requireNumber } from "../invalid.ts";
import type { NoiseSchedule } from "../noise-schedule.ts";
import type { Prediction } from "../prediction.ts";
import { linspace, roundHalfEven } from "../schedulers/spacing.ts";
import type { Space } from "../space.ts";
import type { ConfigReader } from "./config-reader.ts";
import { readDynamicShift } from "./dynamic-shift.ts";
import type { DiffusersPlan, Layout, LayoutRequest } from "./layout.ts";
import { curveOver, finish, readCurve, sigmasAt } from "./sigmas.ts";
import { checkTimesteps, readSpacing, type SpacingOptions, solverTimesteps } from "./timesteps.ts";

/** How one solver family member lays out its levels. */
export interface SolverLevels extends Pick<DiffusersPlan, "dynamicShift"> {
  /** `flow` with `use_flow_sigmas`, else `vp`. */
  space: Space;
  prediction: Prediction;
  accepts: readonly "timesteps"[];
  setTimesteps(request: LayoutRequest): Layout;
}

/** Where the solvers' `set_timesteps` differ. */
export interface SolverKind {
  /**
   * What `final_sigmas_type: "sigma_min"` (or, in the schedulers without the option, always) ends at after a curve: the table's lowest
   * level or the curve's last.
   */
  minAfterCurve: "table" | "curve";
  /** What the option is where it is absent; `fixed_min` for the schedulers that have none and end at the lowest level. */
  finalDefault: "zero" | "sigma_min" | "fixed_min";
  /** Whether timesteps at Karras' levels are rounded even with a cosine schedule. */
  alwaysRoundKarras?: boolean;
  /** Only `linspace`, with the training range cut by `lambda_min_clipped`. */
  linspaceOnly?: boolean;
  takesTimesteps?: boolean;
  luLambdas?: boolean;
  /** Whether its dynamic shift may be a `linear` one too. */
  linearShift?: boolean;
  /** Whether it has `sigma_min` and `sigma_max`. */
  bounds?: boolean;
  lambdaMinClipped?: boolean;
}

/** Reads the options that the multistep and singlestep solvers of diffusers share for laying out their levels. */
export function readSolverLevels(config: ConfigReader, schedule: NoiseSchedule, kind: SolverKind): SolverLevels {
  const { trainTimesteps } = schedule;
  const spacing: SpacingOptions = kind.linspaceOnly
    ? { spacing: "linspace", stepsOffset: 0, trainTimesteps }
    : readSpacing(config, trainTimesteps, "linspace");
  const curve = readCurve(config);
  const bounds = kind.bounds ? config.sigmaBounds(schedule) : {};
  const lu = kind.luLambdas === true && config.boolean("use_lu_lambdas", false);
  const flow = config.boolean("use_flow_sigmas", false);
  const shift = flow ? config.number("flow_shift", 1, 1e-6, 1e6) : 1;
  const dynamicShift = readDynamicShift(config);
  const dynamic = dynamicShift !== undefined;
  if (dynamic && !flow) invalid("use_dynamic_shifting", "needs use_flow_sigmas on");
  if (dynamic && !kind.linearShift) config.oneOf("time_shift_type", ["exponential"], "exponential");
  const rounded =
    kind.alwaysRoundKarras || config.oneOf("beta_schedule", cosineOrNot, "linear") !== "squaredcos_cap_v2";
  const ending =
    kind.finalDefault === "fixed_min"
      ? "sigma_min"
      : config.oneOf("final_sigmas_type", ["zero", "sigma_min"], kind.finalDefault);
  const lastTimestep = kind.lambdaMinClipped ? clippedTimesteps(config, schedule) : trainTimesteps;
  const prediction = config.oneOf(
    "prediction_type",
    flow ? ["flow_prediction"] : ["epsilon", "sample", "v_prediction"],
    flow ? "flow_prediction" : "epsilon",
  );
  const custom = kind.takesTimesteps && !curve && !lu && !flow;

  return {
    space: flow ? "flow" : "vp",
    dynamicShift,
    prediction,
    accepts: custom ? ["timesteps"] : [],
    setTimesteps({ steps, timesteps: given, mu }) {
      let timesteps = given ?? solverTimesteps(steps, spacing, lastTimestep);
      let levels: Float64Array;
      let minimum = schedule.sigmaMin;
      if (curve) {
        levels = curveOver(curve, steps, [schedule.sigmaMax, schedule.sigmaMin], bounds);
        timesteps = levels.map((sigma) => schedule.sigmaToTimestep(sigma));
        if (curve === "use_karras_sigmas" && rounded) timesteps = timesteps.map(roundHalfEven);
        if (kind.minAfterCurve === "curve") minimum = levels[steps - 1]!;
      } else if (lu) {
        const [top, bottom] = [Math.fround(Math.log(schedule.sigmaMax)), Math.fround(Math.log(schedule.sigmaMin))];
        levels = linspace(0, 1, steps).map((ramp) => Math.exp(top + ramp * (bottom - top)));
        timesteps = levels.map((sigma) => schedule.sigmaToTimestep(sigma));
        if (rounded) timesteps = timesteps.map(roundHalfEven);
      } else if (flow) {
        const by = dynamic ? Math.exp(requireNumber("mu", mu, -20, 20)) : shift;
        const times = linspace(1, 1 / trainTimesteps, steps + 1).map((alpha) => shiftTime(1 - alpha, by));
        levels = times.reverse().slice(0, steps);
        timesteps = levels.map((sigma) => sigma * trainTimesteps);
        if (kind.minAfterCurve === "curve") minimum = levels[steps - 1]!;
      } else {
        checkTimesteps(timesteps, trainTimesteps, steps);
        levels = sigmasAt(timesteps, schedule);
      }
      return {
        timesteps: timesteps.map(Math.trunc),
        sigmas: finish(levels, ending === "zero" ? 0 : minimum),
        initNoiseSigma: 1,
      };
    },
  };
}

const cosineOrNot = ["linear", "scaled_linear", "squaredcos_cap_v2"] as const;

/** How many training timesteps are left when those with λ below `lambda_min_clipped` are cut off. */
function clippedTimesteps(config: ConfigReader, schedule: NoiseSchedule): number {
  const lowest =
    config.optionalNumber("lambda_min_clipped", Number.NEGATIVE_INFINITY, 1000) ?? Number.NEGATIVE_INFINITY;
  const left = schedule.sigmas.filter((sigma) => -Math.log(sigma) >= lowest).length;
  return left > 0 ? left : invalid("lambda_min_clipped", `${lowest} leaves no timestep`);
}
