import { AUTOMATIC, samplerLabels } from "../../diffusion/sampler-labels.ts";
import { findSampler, findScheduler } from "../../diffusion/sampler-names.ts";
import type { SamplerName } from "../../diffusion/samplers.ts";
import type { TakenSettings } from "./taken-settings.ts";

/** The first version that chooses a scheduler by the sampler where none is named, and tells it. */
const tellsSchedule = [1, 9] as const;

/**
 * The sampler and scheduler of a `parameters` text. Older versions joined the two: "DPM++ 2M Karras". What is not known stays as it is, for
 * the backend to refuse.
 */
export function namesOf(settings: TakenSettings): { sampler?: string; scheduler?: string } {
  const label = settings.take("Sampler");
  const schedule = settings.take("Schedule type");
  const variant = settings.peek("UniPC variant");
  if (label === undefined || label === "") return {};
  const found: { sampler: string; scheduler?: string } = findSampler(label) ?? { sampler: label };
  if (found.sampler === "uni_pc" && (variant === "bh1" || variant === "bh2")) {
    settings.take("UniPC variant");
    if (variant === "bh2") found.sampler = "uni_pc_bh2";
  }
  const scheduler =
    found.scheduler ?? (schedule ? namedScheduler(schedule, found.sampler) : unnamed(settings, found.sampler));
  return { sampler: found.sampler, ...(scheduler ? { scheduler } : {}) };
}

function namedScheduler(schedule: string, sampler: string): string {
  if (schedule.toLowerCase() === AUTOMATIC && findLabels(sampler)?.automatic === undefined) return "normal";
  return findScheduler(schedule, sampler) ?? schedule;
}

/** Before 1.9 a sampler alone meant evenly spaced timesteps; what wrote a text without a version is not known. */
function unnamed(settings: TakenSettings, sampler: string): string | undefined {
  const automatic = findLabels(sampler)?.automatic;
  if (automatic === undefined) return undefined;
  const [, major, minor] = /^v(\d+)\.(\d+)\b/.exec(settings.peek("Version") ?? "") ?? [];
  if (major === undefined) return undefined;
  const isNew =
    Number(major) > tellsSchedule[0] || (Number(major) === tellsSchedule[0] && Number(minor) >= tellsSchedule[1]);
  return isNew ? automatic : "normal";
}

function findLabels(sampler: string) {
  return Object.hasOwn(samplerLabels, sampler) ? samplerLabels[sampler as SamplerName] : undefined;
}
