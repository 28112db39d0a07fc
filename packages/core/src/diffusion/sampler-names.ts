import { invalid } from "./invalid.ts";
import { AUTOMATIC, samplerLabels, schedulerLabels } from "./sampler-labels.ts";
import { type SamplerName, samplerNames } from "./samplers.ts";
import { type SchedulerName, schedulerNames } from "./schedulers.ts";

/** A sampler, and the scheduler that its name implies. */
export interface SamplerChoice {
  sampler: SamplerName;
  scheduler?: SchedulerName;
}

/** Names are told apart without case, spaces, hyphens and underscores. */
const plain = (name: string): string => name.toLowerCase().replace(/[\s_-]/g, "");

const samplerIndex = new Map<string, SamplerName>([
  ...samplerNames.map((name) => [plain(name), name] as const),
  ...samplerNames.flatMap((name) => {
    const { a1111, also = [] } = samplerLabels[name] ?? {};
    return [...(a1111 === undefined ? [] : [a1111]), ...also].map((label) => [plain(label), name] as const);
  }),
]);

const schedulerIndex = new Map<string, SchedulerName>([
  ...schedulerNames.map((name) => [plain(name), name] as const),
  ...schedulerNames.flatMap((name) => (schedulerLabels[name] ?? []).map((label) => [plain(label), name] as const)),
]);

/** Finds a sampler as {@link resolveSampler} does; undefined where there is none of that name. */
export function findSampler(name: string): SamplerChoice | undefined {
  const wanted = plain(name);
  const sampler = samplerIndex.get(wanted);
  if (sampler) return { sampler };
  // A scheduler's own name is no sampler, even where it reads like two names ("ddim_uniform").
  if (schedulerIndex.has(wanted)) return undefined;
  for (const [word, scheduler] of schedulerIndex) {
    const base = wanted.endsWith(word) ? samplerIndex.get(wanted.slice(0, -word.length)) : undefined;
    if (base) return { sampler: base, scheduler };
  }
  return undefined;
}

/** Finds a scheduler as {@link resolveScheduler} does; undefined where there is none of that name. */
export function findScheduler(name: string, sampler?: string): SchedulerName | undefined {
  const wanted = plain(name);
  if (wanted !== AUTOMATIC) return schedulerIndex.get(wanted);
  return (sampler && findLabels(sampler)?.automatic) || "normal";
}

/**
 * Finds a sampler by ComfyUI's, diffusers' or A1111's name; one such as "DPM++ 2M Karras" names the scheduler too.
 *
 * @throws InvalidRequestError listing ComfyUI's names.
 */
export function resolveSampler(name: string): SamplerChoice {
  return findSampler(name) ?? invalid("sampler", `unknown sampler ${JSON.stringify(name)}`, samplerNames);
}

/**
 * Finds a scheduler by ComfyUI's or A1111's name; A1111's "Automatic" is what goes with `sampler` there.
 *
 * @throws InvalidRequestError listing ComfyUI's names.
 */
export function resolveScheduler(name: string, sampler?: string): SchedulerName {
  const found = findScheduler(name, sampler);
  return found ?? invalid("scheduler", `unknown scheduler ${JSON.stringify(name)}`, schedulerNames);
}

function findLabels(sampler: string) {
  return Object.hasOwn(samplerLabels, sampler) ? samplerLabels[sampler as SamplerName] : undefined;
}

/** A1111's labels of a sampler and a scheduler; a name that it has none for stays. */
export function a1111Labels(sampler: string | undefined, scheduler: string | undefined) {
  return {
    sampler: sampler && (findLabels(sampler)?.a1111 ?? sampler),
    scheduler:
      scheduler &&
      ((Object.hasOwn(schedulerLabels, scheduler) ? schedulerLabels[scheduler as SchedulerName] : undefined)?.[0] ??
        scheduler),
  };
}
