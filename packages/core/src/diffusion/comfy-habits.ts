import type { NoiseConvention } from "./noise/image-noise.ts";
import type { NoiseSchedule } from "./noise-schedule.ts";
import type { SamplerName } from "./samplers.ts";

/** The samplers that are given one level more, of which the last but one is left out: in ComfyUI, and in A1111. */
const penultimate: Readonly<Record<"comfyui" | "a1111", readonly SamplerName[]>> = {
  comfyui: ["dpm_2", "dpm_2_ancestral", "uni_pc", "uni_pc_bh2"],
  a1111: ["dpm_2", "dpm_2_ancestral", "dpmpp_3m_sde"],
};

/** Whether a sampler by name leaves out the last level but one. Only A1111 differs from ComfyUI, whose names they are. */
export function discardsPenultimate(sampler: SamplerName, convention: NoiseConvention | undefined): boolean {
  return penultimate[convention === "a1111" ? "a1111" : "comfyui"].includes(sampler);
}

/**
 * What makes a sampler compute as ComfyUI's of that name, where that isn't what its paper and diffusers do: `deis` and `uni_pc` on any
 * model, `sa_solver`, and on flow models `dpmpp_2m`.
 */
export function comfyOptions(sampler: SamplerName, schedule: NoiseSchedule, asComfy: boolean): object {
  const { space } = schedule;
  const range = { tauRange: [levelAt(schedule, 0.2), levelAt(schedule, 0.8)] };
  if (sampler === "sa_solver_pece") return range;
  if (!asComfy) return {};
  if (sampler === "sa_solver") return { asComfy: range };
  const differs = ["deis", "uni_pc", "uni_pc_bh2", ...(space === "flow" ? ["dpmpp_2m"] : [])];
  return differs.includes(sampler) ? { asComfy: true } : {};
}

/** The level after a share of the training time, from the noisiest. */
function levelAt(schedule: NoiseSchedule, share: number): number {
  const last = schedule.sigmaToTimestep(schedule.sigmaMax);
  const first = schedule.space === "flow" ? 0 : schedule.sigmaToTimestep(schedule.sigmaMin);
  return schedule.timestepToSigma(first + (1 - share) * (last - first));
}
