import { type DynamicShiftOptions, dynamicShift } from "../flow-schedule.ts";
import { type Grid, type GridRequest, type Mix, requireFalling, sliceAsAsked } from "../grid.ts";
import { invalid, requireInteger } from "../invalid.ts";
import type { NoiseSchedule } from "../noise-schedule.ts";
import type { Plan } from "../plan.ts";
import type { Prediction } from "../prediction.ts";
import type { SamplerName } from "../samplers.ts";
import { fromRatio, ratioOf, type Space } from "../space.ts";

/** The levels that one diffusers scheduler's `set_timesteps` lays out, as it keeps them: σ = √((1−ᾱ)/ᾱ), or the flow's own. */
export interface Layout {
  timesteps: Float64Array;
  sigmas: Float64Array;
  /** Where each step lands, where that isn't the next level. */
  targets?: Float64Array;
  initNoiseSigma: number;
  /** The number of steps asked for, where the layout has another. */
  nominalSteps?: number;
  /** What an input picture's latent is mixed of at each step, where that isn't the step's level. */
  mixes?: readonly Mix[];
  /** Sampler options that depend on the number of steps. */
  options?: object;
}

/** What a scheduler may be asked to lay out. */
export interface LayoutRequest extends Pick<GridRequest, "mu"> {
  steps: number;
  timesteps?: Float64Array;
  sigmas?: Float64Array;
}

/** One diffusers scheduler, read from its config: everything of a {@link Plan} but the grid, and its `set_timesteps`. */
export interface DiffusersPlan
  extends Pick<Plan, "gridOptions" | "treeSeed" | "sigmaData" | "sigmaMin" | "clamp" | "betweenLevels"> {
  sampler: SamplerName;
  prediction: Prediction;
  schedule: NoiseSchedule;
  space: Space;
  options?: object;
  /** The most steps it can take, 10 000 unless given. */
  maxSteps?: number;
  /** Which lists its `set_timesteps` takes instead of a number. */
  accepts?: readonly ("timesteps" | "sigmas")[];
  /** What the network is told between the levels, where that isn't the schedule's interpolation. */
  timestepOf?: (sigma: number) => number;
  /** How μ follows from the number of image tokens, where the shift is dynamic. */
  dynamicShift?: DynamicShiftOptions | undefined;
  setTimesteps(request: LayoutRequest): Layout;
}

/** Makes a plan of a scheduler's reading. */
export function planFrom(source: DiffusersPlan): Plan {
  const { setTimesteps, maxSteps: _, dynamicShift: __, accepts = [], options = {}, timestepOf, ...rest } = source;
  const { space, schedule } = source;
  // Flow levels are kept as they are; the others as σ/α.
  const inSpace = (sigma: number) => (space === "flow" ? sigma : fromRatio(space, sigma));
  return {
    ...rest,
    scheduler: "diffusers",
    accepts,
    options,
    timestepOf: timestepOf ?? ((sigma) => schedule.sigmaToTimestep(space === "flow" ? sigma : ratioOf(space, sigma))),
    grid(request) {
      const layout = setTimesteps(layoutRequest(request, source));
      const grid: Grid = {
        space,
        sigmas: layout.sigmas.map(inSpace),
        timesteps: layout.timesteps,
        ...(layout.targets ? { targets: layout.targets.map(inSpace) } : {}),
        ...(layout.options ? { options: layout.options } : {}),
        ...(layout.mixes ? { mixes: layout.mixes } : {}),
        ...(space === "flow" && schedule.space !== "flow" ? { keepsWholeSteps: true } : {}),
        ...(layout.nominalSteps === undefined ? {} : { nominalSteps: layout.nominalSteps }),
        initNoiseSigma: layout.initNoiseSigma,
        steps: layout.sigmas.length - 1,
        offset: 0,
      };
      return sliceAsAsked(grid, request);
    },
  };
}

function layoutRequest(
  { steps, timesteps, sigmas, tokens, mu: given }: GridRequest,
  { accepts = [], maxSteps = 10_000, space, dynamicShift: dynamic }: DiffusersPlan,
): LayoutRequest {
  const lists = [steps, timesteps, sigmas].filter((value) => value !== undefined);
  const names = ["steps", ...accepts];
  const mu = given ?? (dynamic && tokens !== undefined ? dynamicShift(tokens, dynamic) : undefined);
  if (lists.length !== 1) invalid("steps", `give exactly one of ${names.join(", ")}`, names);
  const common = mu === undefined ? {} : { mu };
  if (steps !== undefined) return { ...common, steps: requireInteger("steps", steps, 1, maxSteps) };
  const field = timesteps ? "timesteps" : "sigmas";
  if (!accepts.includes(field)) invalid(field, "this scheduler can't be given these", names);
  const all = (timesteps ?? sigmas)!;
  requireFalling(field, all);
  // The flow schedulers' lists end before the 0 that they add.
  const list = space === "flow" && sigmas && all.length > 1 && all.at(-1) === 0 ? all.slice(0, -1) : all;
  return { ...common, steps: list.length, [field]: Float64Array.from(list) };
}
