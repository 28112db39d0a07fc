import { invalid } from "../invalid.ts";
import type { Plan } from "../plan.ts";
import { ConfigReader } from "./config-reader.ts";
import { consistencyModels } from "./consistency.ts";
import { ddimScheduler, ddpmScheduler } from "./ddim.ts";
import { deisMultistep } from "./deis.ts";
import { dpmSolverMultistep, dpmSolverSinglestep } from "./dpm-solver.ts";
import { edmDpmSolver, edmEuler } from "./edm.ts";
import { eulerAncestralDiscrete, eulerDiscrete } from "./euler.ts";
import { flowMatchEuler, flowMatchHeun } from "./flow-match.ts";
import { ipndmScheduler } from "./ipndm.ts";
import { type DiffusersPlan, planFrom } from "./layout.ts";
import { lcmScheduler, tcdScheduler } from "./lcm.ts";
import { pndmScheduler } from "./pndm.ts";
import { saSolverScheduler } from "./sa-solver.ts";
import { dpmSolverSde, heunDiscrete, kDpm2AncestralDiscrete, kDpm2Discrete, lmsDiscrete } from "./sigma-family.ts";
import { uniPcMultistep } from "./uni-pc.ts";

/** A parsed scheduler_config.json. */
export type SchedulerConfig = Readonly<Record<string, unknown>>;

const readers: Readonly<Record<string, (config: ConfigReader) => DiffusersPlan>> = {
  CMStochasticIterativeScheduler: consistencyModels,
  DDIMScheduler: ddimScheduler,
  DDPMScheduler: ddpmScheduler,
  DEISMultistepScheduler: deisMultistep,
  DPMSolverMultistepScheduler: dpmSolverMultistep,
  DPMSolverSDEScheduler: dpmSolverSde,
  DPMSolverSinglestepScheduler: dpmSolverSinglestep,
  EDMDPMSolverMultistepScheduler: edmDpmSolver,
  EDMEulerScheduler: edmEuler,
  EulerAncestralDiscreteScheduler: eulerAncestralDiscrete,
  EulerDiscreteScheduler: eulerDiscrete,
  FlowMatchEulerDiscreteScheduler: flowMatchEuler,
  FlowMatchHeunDiscreteScheduler: flowMatchHeun,
  HeunDiscreteScheduler: heunDiscrete,
  IPNDMScheduler: ipndmScheduler,
  KDPM2AncestralDiscreteScheduler: kDpm2AncestralDiscrete,
  KDPM2DiscreteScheduler: kDpm2Discrete,
  LCMScheduler: lcmScheduler,
  LMSDiscreteScheduler: lmsDiscrete,
  PNDMScheduler: pndmScheduler,
  SASolverScheduler: saSolverScheduler,
  TCDScheduler: tcdScheduler,
  UniPCMultistepScheduler: uniPcMultistep,
};

/** The scheduler classes of diffusers that {@link fromDiffusers} follows. */
export const diffusersSchedulers: readonly string[] = Object.keys(readers);

/**
 * Reads a diffusers scheduler_config.json as that scheduler would: absent options take its defaults, options of other schedulers
 * are ignored, and an option that can't be followed is refused by its name.
 *
 * @throws InvalidRequestError naming the option.
 */
export function fromDiffusers(config: SchedulerConfig): Plan {
  if (typeof config !== "object" || config === null || Array.isArray(config))
    invalid("_class_name", "must be there: a config is an object, as in a scheduler_config.json", diffusersSchedulers);
  const name = config._class_name;
  // Flax's schedulers, which diffusers no longer has, took the same options.
  const own = typeof name === "string" ? name.replace(/^Flax(?=[A-Z])/, "") : "";
  const reader = Object.hasOwn(readers, own) ? readers[own] : undefined;
  if (!reader) return invalid("_class_name", `unknown scheduler ${JSON.stringify(name)}`, diffusersSchedulers);
  return planFrom(reader(new ConfigReader(config)));
}
