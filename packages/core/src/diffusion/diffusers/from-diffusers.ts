import { invalid } from "../invalid.ts";
import type { Plan } from "../plan.ts";
import { ConfigReader } from "./config-reader.ts";
import { ddimScheduler } from "./ddim.ts";
import { dpmSolverMultistep } from "./dpm-solver.ts";
import { eulerAncestralDiscrete, eulerDiscrete } from "./euler.ts";
import { type DiffusersPlan, planFrom } from "./layout.ts";

/** A parsed scheduler_config.json. */
export type SchedulerConfig = Readonly<Record<string, unknown>>;

const readers: Readonly<Record<string, (config: ConfigReader) => DiffusersPlan>> = {
  DDIMScheduler: ddimScheduler,
  DPMSolverMultistepScheduler: dpmSolverMultistep,
  EulerAncestralDiscreteScheduler: eulerAncestralDiscrete,
  EulerDiscreteScheduler: eulerDiscrete,
};

/** The scheduler classes of diffusers that {@link fromDiffusers} follows. */
export const diffusersSchedulers: readonly string[] = Object.keys(readers);

/**
 * Reads a diffusers scheduler_config.json as that scheduler would: absent options take its defaults, options of other schedulers
 * are ignored, and an option that can't be followed is refused by its name.
 *
 * @throws DiffusionInputError naming the option.
 */
export function fromDiffusers(config: SchedulerConfig): Plan {
  const name = config._class_name;
  const reader = typeof name === "string" && Object.hasOwn(readers, name) ? readers[name] : undefined;
  if (!reader) return invalid("_class_name", `unknown scheduler ${JSON.stringify(name)}`, diffusersSchedulers);
  return planFrom(reader(new ConfigReader(config)));
}
