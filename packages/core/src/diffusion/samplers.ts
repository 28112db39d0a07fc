import type { Sampler } from "./sampler.ts";
import { dpmpp_2m_cfg_pp, dpmpp_2s_ancestral_cfg_pp, euler_ancestral_cfg_pp, euler_cfg_pp } from "./samplers/cfg-pp.ts";
import { consistency } from "./samplers/consistency.ts";
import { ddim } from "./samplers/ddim.ts";
import { ddpm } from "./samplers/ddpm.ts";
import { deis } from "./samplers/deis.ts";
import { dpm_2 } from "./samplers/dpm-2.ts";
import { dpm_2_ancestral } from "./samplers/dpm-2-ancestral.ts";
import { dpm_adaptive } from "./samplers/dpm-adaptive.ts";
import { dpm_fast } from "./samplers/dpm-fast.ts";
import { dpm_solver_multistep } from "./samplers/dpm-solver-multistep.ts";
import { dpm_solver_singlestep } from "./samplers/dpm-solver-singlestep.ts";
import { dpmpp_2m, dpmpp_2m_sde, dpmpp_2m_sde_heun, dpmpp_3m_sde } from "./samplers/dpmpp-2m.ts";
import { dpmpp_2s_ancestral } from "./samplers/dpmpp-2s-ancestral.ts";
import { dpmpp_sde } from "./samplers/dpmpp-sde.ts";
import { er_sde } from "./samplers/er-sde.ts";
import { euler } from "./samplers/euler.ts";
import { euler_ancestral } from "./samplers/euler-ancestral.ts";
import { gradient_estimation, gradient_estimation_cfg_pp } from "./samplers/gradient-estimation.ts";
import { heun } from "./samplers/heun.ts";
import { heunpp2 } from "./samplers/heunpp2.ts";
import { ipndm, ipndm_v } from "./samplers/ipndm.ts";
import { lcm } from "./samplers/lcm.ts";
import { lms } from "./samplers/lms.ts";
import { pndm } from "./samplers/pndm.ts";
import {
  res_multistep,
  res_multistep_ancestral,
  res_multistep_ancestral_cfg_pp,
  res_multistep_cfg_pp,
} from "./samplers/res-multistep.ts";
import { restart } from "./samplers/restart.ts";
import { sa_solver } from "./samplers/sa-solver.ts";
import { sa_solver_pece } from "./samplers/sa-solver-pece.ts";
import { exp_heun_2_x0, exp_heun_2_x0_sde, seeds_2, seeds_3 } from "./samplers/seeds.ts";
import { tcd } from "./samplers/tcd.ts";
import { uni_pc, uni_pc_bh2 } from "./samplers/uni-pc.ts";

/** Every sampler, by ComfyUI's name where it has one. Adding one is its function and one line here. */
export const samplers = {
  euler,
  euler_cfg_pp,
  euler_ancestral,
  euler_ancestral_cfg_pp,
  heun,
  heunpp2,
  exp_heun_2_x0,
  exp_heun_2_x0_sde,
  dpm_2,
  dpm_2_ancestral,
  lms,
  dpm_fast,
  dpm_adaptive,
  dpmpp_2s_ancestral,
  dpmpp_2s_ancestral_cfg_pp,
  dpmpp_sde,
  dpmpp_2m,
  dpmpp_2m_cfg_pp,
  dpmpp_2m_sde,
  dpmpp_2m_sde_heun,
  dpmpp_3m_sde,
  ddpm,
  lcm,
  ipndm,
  ipndm_v,
  deis,
  res_multistep,
  res_multistep_cfg_pp,
  res_multistep_ancestral,
  res_multistep_ancestral_cfg_pp,
  gradient_estimation,
  gradient_estimation_cfg_pp,
  er_sde,
  seeds_2,
  seeds_3,
  sa_solver,
  sa_solver_pece,
  ddim,
  uni_pc,
  uni_pc_bh2,
  pndm,
  restart,
  tcd,
  consistency,
  dpm_solver_multistep,
  dpm_solver_singlestep,
} as const satisfies Record<string, Sampler<never>>;

/** A sampler's name. */
export type SamplerName = keyof typeof samplers;

/** The samplers that step over levels of their own, between the first and the last of those they are given. */
export const ownLevelSamplers: readonly string[] = ["dpm_fast", "dpm_adaptive", "restart"];

/** The names, in the order they are offered. */
export const samplerNames = Object.keys(samplers) as SamplerName[];
