import type { SamplerName } from "./samplers.ts";
import type { SchedulerName } from "./schedulers.ts";

/** What other tools call a sampler. */
export interface SamplerLabels {
  /** A1111's and Forge's label, written into pictures. */
  a1111?: string;
  /** diffusers' classes and other names, which are only read. */
  also?: readonly string[];
  /** The scheduler that A1111's "Automatic" means with this sampler; `normal` unless given. */
  automatic?: SchedulerName;
}

/** Other tools' names of the samplers: the one table, for requests and for A1111's `parameters` text both ways. */
export const samplerLabels: Readonly<Partial<Record<SamplerName, SamplerLabels>>> = {
  euler: {
    a1111: "Euler",
    also: ["EulerDiscreteScheduler", "EDMEulerScheduler", "FlowMatchEulerDiscreteScheduler"],
  },
  euler_ancestral: { a1111: "Euler a", also: ["EulerAncestralDiscreteScheduler"] },
  heun: { a1111: "Heun", also: ["HeunDiscreteScheduler", "FlowMatchHeunDiscreteScheduler"] },
  heunpp2: { a1111: "HeunPP2" },
  dpm_2: { a1111: "DPM2", also: ["KDPM2DiscreteScheduler"], automatic: "karras" },
  dpm_2_ancestral: { a1111: "DPM2 a", also: ["KDPM2AncestralDiscreteScheduler"], automatic: "karras" },
  lms: { a1111: "LMS", also: ["LMSDiscreteScheduler"] },
  dpm_fast: { a1111: "DPM fast" },
  dpm_adaptive: { a1111: "DPM adaptive" },
  dpmpp_2s_ancestral: { a1111: "DPM++ 2S a", automatic: "karras" },
  dpmpp_sde: { a1111: "DPM++ SDE", also: ["DPMSolverSDEScheduler", "dpmpp_sde_gpu"], automatic: "karras" },
  dpmpp_2m: {
    a1111: "DPM++ 2M",
    also: ["DPMSolverMultistepScheduler", "EDMDPMSolverMultistepScheduler"],
    automatic: "karras",
  },
  dpmpp_2m_sde: { a1111: "DPM++ 2M SDE", also: ["dpmpp_2m_sde_gpu"], automatic: "exponential" },
  dpmpp_2m_sde_heun: { a1111: "DPM++ 2M SDE Heun", also: ["dpmpp_2m_sde_heun_gpu"], automatic: "exponential" },
  dpmpp_3m_sde: { a1111: "DPM++ 3M SDE", also: ["dpmpp_3m_sde_gpu"], automatic: "exponential" },
  dpm_solver_singlestep: { also: ["DPMSolverSinglestepScheduler"] },
  ddim: { a1111: "DDIM", also: ["DDIMScheduler"] },
  euler_cfg_pp: { a1111: "DDIM CFG++" },
  ddpm: { a1111: "DDPM", also: ["DDPMScheduler"] },
  pndm: { a1111: "PLMS", also: ["PNDMScheduler"] },
  restart: { a1111: "Restart", automatic: "karras" },
  ipndm: { a1111: "IPNDM", also: ["IPNDMScheduler"] },
  ipndm_v: { a1111: "IPNDM_V" },
  deis: { a1111: "DEIS", also: ["DEISMultistepScheduler"] },
  uni_pc: { a1111: "UniPC" },
  uni_pc_bh2: { also: ["UniPCMultistepScheduler"] },
  sa_solver: { also: ["SASolverScheduler"] },
  lcm: { a1111: "LCM", also: ["LCMScheduler"] },
  tcd: { also: ["TCDScheduler"] },
  consistency: { also: ["CMStochasticIterativeScheduler"] },
};

/** Other tools' names of the schedulers: A1111's and Forge's label first, which is the one written. */
export const schedulerLabels: Readonly<Partial<Record<SchedulerName, readonly string[]>>> = {
  normal: ["Normal", "Uniform"],
  karras: ["Karras"],
  exponential: ["Exponential"],
  polyexponential: ["Polyexponential"],
  sgm_uniform: ["SGM Uniform"],
  simple: ["Simple"],
  ddim_uniform: ["DDIM"],
  beta: ["Beta"],
  kl_optimal: ["KL Optimal"],
  align_your_steps: ["Align Your Steps", "Align Your Steps 11", "AYS"],
  gits: ["Align Your Steps GITS", "GITS"],
  turbo: ["Turbo"],
};

/** A1111's word for letting the sampler choose the scheduler. */
export const AUTOMATIC = "automatic";
