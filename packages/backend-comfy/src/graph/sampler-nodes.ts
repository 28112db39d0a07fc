/** A node whose inputs are settings of a sampler or scheduler, with what each is where a request leaves it out. */
export interface OptionNode {
  node: string;
  options: Readonly<Record<string, number | string | boolean>>;
  /** Inputs that the name decides. */
  fixed?: Readonly<Record<string, number | string | boolean>>;
  /** Whether it is linked to the model. */
  takesModel?: boolean;
}

const ancestral = { eta: 1, s_noise: 1 };
const sde = (name: string, node: string, options: OptionNode["options"], fixed: OptionNode["fixed"] = {}) => ({
  [name]: { node, options, fixed: { ...fixed, noise_device: "cpu" } },
  [`${name}_gpu`]: { node, options, fixed: { ...fixed, noise_device: "gpu" } },
});
const saSolver = {
  eta: 1,
  sde_start_percent: 0.2,
  sde_end_percent: 0.8,
  s_noise: 1,
  predictor_order: 3,
  corrector_order: 4,
  simple_order_2: false,
};

/** Samplers that ComfyUI has a node of their own for: all others take no options there. Defaults are the samplers' own. */
export const samplerNodes: Readonly<Record<string, OptionNode>> = {
  euler_ancestral: { node: "SamplerEulerAncestral", options: ancestral },
  euler_ancestral_cfg_pp: { node: "SamplerEulerAncestralCFGPP", options: ancestral },
  dpmpp_2s_ancestral: { node: "SamplerDPMPP_2S_Ancestral", options: ancestral },
  ...sde("dpmpp_sde", "SamplerDPMPP_SDE", { ...ancestral, r: 0.5 }),
  ...sde("dpmpp_2m_sde", "SamplerDPMPP_2M_SDE", { solver_type: "midpoint", ...ancestral }),
  ...sde("dpmpp_2m_sde_heun", "SamplerDPMPP_2M_SDE", ancestral, { solver_type: "heun" }),
  ...sde("dpmpp_3m_sde", "SamplerDPMPP_3M_SDE", ancestral),
  lms: { node: "SamplerLMS", options: { order: 4 } },
  dpm_adaptive: {
    node: "SamplerDPMAdaptative",
    options: {
      order: 3,
      rtol: 0.05,
      atol: 0.0078,
      h_init: 0.05,
      pcoeff: 0,
      icoeff: 1,
      dcoeff: 0,
      accept_safety: 0.81,
      eta: 0,
      s_noise: 1,
    },
  },
  er_sde: { node: "SamplerER_SDE", options: { solver_type: "ER-SDE", max_stage: 3, ...ancestral } },
  seeds_2: { node: "SamplerSEEDS2", options: { solver_type: "phi_1", ...ancestral, r: 0.5 } },
  sa_solver: { node: "SamplerSASolver", options: saSolver, fixed: { use_pece: false }, takesModel: true },
  sa_solver_pece: { node: "SamplerSASolver", options: saSolver, fixed: { use_pece: true }, takesModel: true },
};

/** Noise levels that Stable Diffusion 1.x to XL were trained between, as the server has them in float32. */
const levels = { sigma_max: 14.614642143249512, sigma_min: 0.029167532920837402 };

/** Schedulers that ComfyUI has a node of their own for. */
export const schedulerNodes: Readonly<Record<string, OptionNode>> = {
  karras: { node: "KarrasScheduler", options: { ...levels, rho: 7 } },
  exponential: { node: "ExponentialScheduler", options: levels },
  polyexponential: { node: "PolyexponentialScheduler", options: { ...levels, rho: 1 } },
  laplace: { node: "LaplaceScheduler", options: { ...levels, mu: 0, beta: 0.5 } },
  beta: { node: "BetaSamplingScheduler", options: { alpha: 0.6, beta: 0.6 }, takesModel: true },
  align_your_steps: { node: "AlignYourStepsScheduler", options: { model_type: "SD1" }, fixed: { denoise: 1 } },
  gits: { node: "GITSScheduler", options: { coeff: 1.2 }, fixed: { denoise: 1 } },
};
