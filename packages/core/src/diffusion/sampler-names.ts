import { invalid } from "./invalid.ts";
import { type SamplerName, samplerNames } from "./samplers.ts";
import { type SchedulerName, schedulerNames } from "./schedulers.ts";

/** A sampler, and the scheduler and options that its name implies. */
export interface SamplerChoice {
  sampler: SamplerName;
  scheduler?: SchedulerName;
  options?: object;
}

/** Other tools' names, in lower case without spaces or hyphens; the scheduler part of A1111's is read apart. */
const aliases: Readonly<Record<string, SamplerChoice>> = {
  // A1111
  eulera: { sampler: "euler_ancestral" },
  dpm2: { sampler: "dpm_2" },
  dpm2a: { sampler: "dpm_2_ancestral" },
  "dpm++2sa": { sampler: "dpmpp_2s_ancestral" },
  "dpm++2m": { sampler: "dpmpp_2m" },
  "dpm++sde": { sampler: "dpmpp_sde" },
  "dpm++2msde": { sampler: "dpmpp_2m_sde" },
  "dpm++2msdeheun": { sampler: "dpmpp_2m_sde_heun" },
  "dpm++3msde": { sampler: "dpmpp_3m_sde" },
  plms: { sampler: "pndm" },
  unipc: { sampler: "uni_pc" },
  // diffusers' classes
  ddimscheduler: { sampler: "ddim" },
  ddpmscheduler: { sampler: "ddpm" },
  pndmscheduler: { sampler: "pndm" },
  lmsdiscretescheduler: { sampler: "lms" },
  eulerdiscretescheduler: { sampler: "euler" },
  eulerancestraldiscretescheduler: { sampler: "euler_ancestral" },
  heundiscretescheduler: { sampler: "heun" },
  kdpm2discretescheduler: { sampler: "dpm_2" },
  kdpm2ancestraldiscretescheduler: { sampler: "dpm_2_ancestral" },
  dpmsolvermultistepscheduler: { sampler: "dpmpp_2m" },
  dpmsolversinglestepscheduler: { sampler: "dpm_solver_singlestep" },
  dpmsolversdescheduler: { sampler: "dpmpp_sde" },
  deismultistepscheduler: { sampler: "deis" },
  unipcmultistepscheduler: { sampler: "uni_pc_bh2" },
  ipndmscheduler: { sampler: "ipndm" },
  sasolverscheduler: { sampler: "sa_solver" },
  lcmscheduler: { sampler: "lcm" },
  tcdscheduler: { sampler: "tcd" },
  edmeulerscheduler: { sampler: "euler" },
  edmdpmsolvermultistepscheduler: { sampler: "dpmpp_2m" },
  flowmatcheulerdiscretescheduler: { sampler: "euler" },
  flowmatchheundiscretescheduler: { sampler: "heun" },
  cmstochasticiterativescheduler: { sampler: "consistency" },
  // ComfyUI's own other names
  dpmpp_sde_gpu: { sampler: "dpmpp_sde" },
  dpmpp_2m_sde_gpu: { sampler: "dpmpp_2m_sde" },
  dpmpp_2m_sde_heun_gpu: { sampler: "dpmpp_2m_sde_heun" },
  dpmpp_3m_sde_gpu: { sampler: "dpmpp_3m_sde" },
};

/** A1111's words for schedulers. */
const schedulerAliases: Readonly<Record<string, SchedulerName>> = {
  automatic: "normal",
  uniform: "normal",
  karras: "karras",
  exponential: "exponential",
  sgmuniform: "sgm_uniform",
  simple: "simple",
  normal: "normal",
  ddim: "ddim_uniform",
  beta: "beta",
  kloptimal: "kl_optimal",
  alignyoursteps: "align_your_steps",
  ays: "align_your_steps",
};

const plain = (name: string): string => name.toLowerCase().replace(/[\s-]/g, "");

/**
 * Finds a sampler by ComfyUI's, diffusers' or A1111's name; one such as "DPM++ 2M Karras" names the scheduler too.
 *
 * @throws InvalidRequestError listing ComfyUI's names.
 */
export function resolveSampler(name: string): SamplerChoice {
  const known = samplerNames.find((sampler) => sampler === name);
  if (known) return { sampler: known };
  const wanted = plain(name);
  const direct = find(wanted);
  if (direct) return direct;
  for (const [word, scheduler] of Object.entries(schedulerAliases)) {
    const base = wanted.endsWith(word) ? find(wanted.slice(0, -word.length)) : undefined;
    if (base) return { ...base, scheduler };
  }
  return invalid("sampler", `unknown sampler ${JSON.stringify(name)}`, samplerNames);
}

/**
 * Finds a scheduler by ComfyUI's or A1111's name.
 *
 * @throws InvalidRequestError listing ComfyUI's names.
 */
export function resolveScheduler(name: string): SchedulerName {
  const known = schedulerNames.find((scheduler) => scheduler === name);
  if (known) return known;
  const wanted = plain(name);
  const alias = Object.hasOwn(schedulerAliases, wanted) ? schedulerAliases[wanted] : undefined;
  return alias ?? invalid("scheduler", `unknown scheduler ${JSON.stringify(name)}`, schedulerNames);
}

function find(wanted: string): SamplerChoice | undefined {
  if (Object.hasOwn(aliases, wanted)) return aliases[wanted];
  const sampler = samplerNames.find((known) => known === wanted);
  return sampler ? { sampler } : undefined;
}

/** Options' names as ComfyUI and k-diffusion spell them, and ours where they differ by more than the spelling. */
const optionAliases: Readonly<Record<string, string>> = {
  solverType: "solver",
  maxOrder: "order",
  maxStage: "order",
  geGamma: "gamma",
};

const optionKinds: Readonly<Record<string, "number" | "string" | "boolean">> = {
  eta: "number",
  sNoise: "number",
  sChurn: "number",
  sTmin: "number",
  sTmax: "number",
  r: "number",
  order: "number",
  gamma: "number",
  predictorOrder: "number",
  correctorOrder: "number",
  solver: "string",
  variance: "string",
  predict: "string",
  bh: "string",
  lowerOrderFinal: "boolean",
  eulerAtFinal: "boolean",
  fullOrderFinal: "boolean",
};

/**
 * Reads a request's sampler options: `s_noise` and `sNoise` are one, and what no sampler knows is refused.
 *
 * @throws InvalidRequestError naming the option and listing those there are.
 */
export function readSamplerOptions(given: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return readOptions("samplerOptions", given, optionKinds);
}

/**
 * Reads a request's scheduler options: `sigma_min` and `sigmaMin` are one, and what no scheduler knows is refused.
 *
 * @throws InvalidRequestError naming the option and listing those there are.
 */
export function readSchedulerOptions(given: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return readOptions("schedulerOptions", given, {
    sigmaMin: "number",
    sigmaMax: "number",
    rho: "number",
    model: "string",
  });
}

function readOptions(
  field: string,
  given: Readonly<Record<string, unknown>>,
  kinds: Readonly<Record<string, string>>,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(given).map(([key, value]) => {
      const camel = key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
      const name = optionAliases[camel] ?? camel;
      const kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined;
      if (!kind) return invalid(`${field}.${key}`, "unknown option", Object.keys(kinds));
      const right = kind === "number" ? Number.isFinite(value) : typeof value === kind;
      return right ? [name, value] : invalid(`${field}.${key}`, `must be a ${kind}, not ${String(value)}`);
    }),
  );
}
