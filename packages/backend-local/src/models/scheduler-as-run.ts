import type { GenerationRequest } from "@latentkit/core";

/** Who runs a scheduler: what in diffusers' pipelines depends on it. */
export interface SchedulerUse {
  /** The pipeline's class, from model_index.json. Default `"StableDiffusionPipeline"`. */
  pipeline?: string | undefined;
  /** Which of that family's pipelines is meant. Default `"text-to-image"`. */
  task?: GenerationRequest["task"] | undefined;
  /** Whether it runs with perturbed-attention guidance, for which diffusers has pipelines of their own. */
  perturbed?: boolean | undefined;
}

type Config = Readonly<Record<string, unknown>>;

/** The pipelines that mend old scheduler configs in their constructors. SDXL's, LCM's and ControlNet's take them as they are. */
const mending = ["StableDiffusionPipeline", "StableDiffusionImg2ImgPipeline", "StableDiffusionInpaintPipeline"];

/**
 * A scheduler_config.json as diffusers' pipeline of that class and task runs it. Stable Diffusion's pipelines set options of configs
 * that were written before the options were: `steps_offset` is 1, `clip_sample` off, and in inpainting `skip_prk_steps` on.
 * (`clip_sample` stays as it is there, unless it is perturbed.)
 */
export function schedulerAsRun(
  config: Config,
  { pipeline = mending[0]!, task, perturbed = false }: SchedulerUse = {},
): Config {
  const given = withoutDefaults(config);
  // It makes a DDIMScheduler of whatever the folder has.
  if (pipeline === "DDIMPipeline") return { ...given, _class_name: "DDIMScheduler" };
  if (!mending.includes(pipeline)) return given;
  // A class passes over options that it doesn't take. What is null there is off, and isn't mended.
  if (task !== "inpaint" || perturbed) return { ...given, steps_offset: 1, clip_sample: false };
  return { ...given, steps_offset: 1, skip_prk_steps: given.skip_prk_steps === null ? null : true };
}

/** Without the options that the file itself calls left at their defaults: the class's own default stands for them. */
function withoutDefaults(config: Config): Config {
  const { _use_default_values: unset, ...given } = config;
  if (!Array.isArray(unset)) return given;
  return Object.fromEntries(Object.entries(given).filter(([name]) => !unset.includes(name)));
}

/**
 * A scheduler_config.json under the class that diffusers makes of it: model_index.json's entry `[library, class]`, whatever the config
 * itself is called; the config's where the index names none.
 */
export function underIndexClass(config: Config, entry: unknown): Record<string, unknown> {
  const named = Array.isArray(entry) ? entry[1] : entry;
  return typeof named === "string" ? { ...config, _class_name: named } : { ...config };
}
