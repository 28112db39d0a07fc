import { describe, expect, it } from "vitest";
import { diffusersSchedulers, fromDiffusers } from "./from-diffusers.ts";

const stableDiffusion = { beta_start: 0.00085, beta_end: 0.012, beta_schedule: "scaled_linear" };

describe("fromDiffusers", () => {
  it.each(diffusersSchedulers)("reads %s with its defaults alone", (name) => {
    const plan = fromDiffusers({ _class_name: name });
    const grid = plan.grid({ steps: 4 });
    expect(grid.timesteps.length).toBe(grid.steps);
    expect(grid.sigmas.length).toBe(grid.steps + 1);
  });

  it.each<[Record<string, unknown>, RegExp]>([
    [{}, /_class_name.*DDIMScheduler/],
    [{ _class_name: "toString" }, /_class_name/],
    [{ _class_name: "RePaintScheduler" }, /_class_name.*RePaintScheduler/],
    [
      { _class_name: "DDIMScheduler", beta_schedule: "sigmoid" },
      /beta_schedule.*linear, scaled_linear, squaredcos_cap_v2/,
    ],
    [{ _class_name: "DDIMScheduler", beta_start: "0.1" }, /beta_start.*number/],
    [{ _class_name: "DDIMScheduler", beta_end: 2 }, /beta_end.*0 to 1/],
    [{ _class_name: "DDIMScheduler", num_train_timesteps: 0 }, /num_train_timesteps/],
    [{ _class_name: "DDIMScheduler", trained_betas: [0.1, "x"] }, /trained_betas/],
    [{ _class_name: "DDIMScheduler", trained_betas: [0.1, 7] }, /trained_betas/],
    [{ _class_name: "DDIMScheduler", prediction_type: "velocity" }, /prediction_type.*epsilon, sample, v_prediction/],
    [{ _class_name: "DDIMScheduler", rescale_betas_zero_snr: true }, /rescale_betas_zero_snr.*v_prediction/],
    [{ _class_name: "DDIMScheduler", timestep_spacing: "wide" }, /timestep_spacing.*leading/],
    [{ _class_name: "DDPMScheduler", variance_type: "learned_range" }, /variance_type.*fixed_small/],
    [
      { _class_name: "EulerDiscreteScheduler", use_karras_sigmas: true, use_beta_sigmas: true },
      /use_beta_sigmas.*use_karras_sigmas/,
    ],
    [{ _class_name: "DPMSolverSDEScheduler", noise_sampler_seed: "abc" }, /noise_sampler_seed.*number/],
    [{ _class_name: "DPMSolverSDEScheduler", noise_sampler_seed: 1.5 }, /noise_sampler_seed.*whole/],
    [{ _class_name: "DPMSolverMultistepScheduler", solver_order: 4 }, /solver_order.*1 to 3/],
    [{ _class_name: "DPMSolverMultistepScheduler", algorithm_type: "dpmsolver" }, /final_sigmas_type.*sigma_min/],
    [{ _class_name: "DPMSolverMultistepScheduler", variance_type: "learned" }, /variance_type/],
    [
      { _class_name: "DPMSolverMultistepScheduler", use_flow_sigmas: true, prediction_type: "epsilon" },
      /prediction_type.*flow_prediction/,
    ],
    [{ _class_name: "UniPCMultistepScheduler", solver_p: { order: 2 } }, /solver_p/],
    [{ _class_name: "UniPCMultistepScheduler", shift_terminal: 0.1 }, /shift_terminal.*use_flow_sigmas/],
    [{ _class_name: "FlowMatchEulerDiscreteScheduler", invert_sigmas: true }, /invert_sigmas/],
    [{ _class_name: "FlowMatchEulerDiscreteScheduler", shift: -1 }, /shift/],
    [{ _class_name: "SASolverScheduler", predictor_order: 9 }, /predictor_order.*1 to 4/],
    [
      { _class_name: "EDMDPMSolverMultistepScheduler", solver_order: 3, algorithm_type: "sde-dpmsolver++" },
      /solver_order.*1, 2/,
    ],
    [{ _class_name: "LCMScheduler", original_inference_steps: 5000 }, /original_inference_steps/],
    [{ _class_name: "LCMScheduler", timestep_scaling: 0 }, /timestep_scaling/],
    [{ _class_name: "DDIMScheduler", prediction_type: null }, /prediction_type: null.*epsilon/],
    [{ _class_name: "DDIMScheduler", beta_start: null }, /beta_start.*number, not null/],
    [{ _class_name: "DDIMScheduler", steps_offset: null }, /steps_offset.*not null/],
    ...[
      [{ sigma_min: 20, sigma_max: 1 }, /sigma_max: must be at least 20, not 1/],
      [{ sigma_min: -1 }, /sigma_min: must be a number from 1e-9/],
      [{ sigma_min: 20 }, /sigma_min: must be at most 14\.6/],
      [{ sigma_max: 0.001 }, /sigma_max: must be at least 0\.02/],
    ].map(
      ([bounds, message]) =>
        [
          { _class_name: "EulerDiscreteScheduler", ...stableDiffusion, use_karras_sigmas: true, ...bounds },
          message,
        ] as [Record<string, unknown>, RegExp],
    ),
    [{ _class_name: "UniPCMultistepScheduler", use_exponential_sigmas: true, sigma_min: 0 }, /sigma_min/],
    [{ _class_name: "DDIMScheduler", steps_offset: 0.5 }, /steps_offset.*whole number from 0 to 1000/],
    [{ _class_name: "EulerDiscreteScheduler", steps_offset: -5 }, /steps_offset/],
    [{ _class_name: "DDIMScheduler", clip_sample_range: -1 }, /clip_sample_range/],
    [{ _class_name: "DDIMScheduler", thresholding: true, dynamic_thresholding_ratio: 5 }, /dynamic_thresholding_ratio/],
    [{ _class_name: "DDIMScheduler", thresholding: true, sample_max_value: 0 }, /sample_max_value/],
    [{ _class_name: "FlowMatchEulerDiscreteScheduler", shift_terminal: 2 }, /shift_terminal.*0 to 0\.999/],
    [
      { _class_name: "FlowMatchEulerDiscreteScheduler", use_dynamic_shifting: true, max_image_seq_len: 9 },
      /max_image_seq_len.*above base_image_seq_len/,
    ],
    [{ _class_name: "FlowMatchEulerDiscreteScheduler", use_dynamic_shifting: true, base_shift: "x" }, /base_shift/],
    [{ _class_name: "FlowMatchEulerDiscreteScheduler", num_train_timesteps: 1.5 }, /num_train_timesteps/],
    [{ _class_name: "EDMEulerScheduler", sigma_min: 90 }, /sigma_max.*90/],
    [{ _class_name: "EDMEulerScheduler", sigma_data: 0 }, /sigma_data/],
    [{ _class_name: "CMStochasticIterativeScheduler", sigma_data: -1 }, /sigma_data/],
    [{ _class_name: "CMStochasticIterativeScheduler", rho: 0 }, /rho/],
    [{ _class_name: "CMStochasticIterativeScheduler", s_noise: -1 }, /s_noise/],
    [{ _class_name: "CMStochasticIterativeScheduler", sigma_min: 0 }, /sigma_min/],
    [{ _class_name: "UniPCMultistepScheduler", disable_corrector: [-1, 1.5] }, /disable_corrector.*whole numbers/],
    [
      { _class_name: "EulerDiscreteScheduler", trained_betas: Array(400).fill(0.004) },
      /num_train_timesteps.*1000.*400 entries/,
    ],
    [{ _class_name: "EulerDiscreteScheduler", beta_start: 0, beta_end: 0 }, /beta_start.*no noise/],
    [{ _class_name: "EulerDiscreteScheduler", beta_start: 1, beta_end: 1 }, /beta_end.*no signal/],
    [{ _class_name: "DPMSolverMultistepScheduler", use_dynamic_shifting: true }, /use_dynamic_shifting.*use_flow/],
    ...(["DPMSolverMultistepScheduler", "DEISMultistepScheduler", "SASolverScheduler"] as const).map(
      (_class_name): [Record<string, unknown>, RegExp] => [
        {
          _class_name,
          use_flow_sigmas: true,
          prediction_type: "flow_prediction",
          use_dynamic_shifting: true,
          time_shift_type: "linear",
        },
        /time_shift_type.*exponential/,
      ],
    ),
  ])("refuses %j", (config, message) => {
    expect(() => fromDiffusers(config)).toThrow(message);
  });

  it.each<[string, object, RegExp]>([
    ["DDIMScheduler", { steps: 1001 }, /steps.*1 to 1000/],
    ["DDIMScheduler", { timesteps: [5, 1] }, /timesteps/],
    ["DDPMScheduler", { timesteps: [1, 5] }, /timesteps.*must fall/],
    ["DDPMScheduler", { timesteps: [1000, 5] }, /timestep 1000/],
    ["PNDMScheduler", { steps: 3 }, /steps.*skip_prk_steps/],
    ["LCMScheduler", { steps: 51 }, /steps.*1 to 50/],
    ["EulerDiscreteScheduler", { sigmas: [0] }, /sigmas/],
    ["EulerDiscreteScheduler", {}, /exactly one/],
  ])("%s refuses %j", (name, request, message) => {
    expect(() => fromDiffusers({ _class_name: name }).grid(request)).toThrow(message);
  });

  it.each([null, undefined, [], "EulerDiscreteScheduler"])("refuses %j as a config", (config) => {
    expect(() => fromDiffusers(config as never)).toThrow(/_class_name.*object/);
  });

  it("stretches a single step to no terminal", () => {
    const plan = fromDiffusers({ _class_name: "FlowMatchEulerDiscreteScheduler", shift_terminal: 0.1 });
    expect(Array.from(plan.grid({ steps: 1 }).sigmas)).toEqual([1, 0]);
    expect(plan.grid({ steps: 4 }).sigmas[3]).toBeCloseTo(0.1, 6);
  });

  it("follows trained betas as long as the training", () => {
    const config = {
      _class_name: "EulerDiscreteScheduler",
      num_train_timesteps: 400,
      trained_betas: Array(400).fill(0.004),
    };
    expect(Array.from(fromDiffusers(config).grid({ steps: 3 }).timesteps)).toEqual([399, 199.5, 0]);
  });

  it("asks for mu where a dynamic shift needs it", () => {
    const plan = fromDiffusers({ _class_name: "FlowMatchEulerDiscreteScheduler", use_dynamic_shifting: true });
    expect(() => plan.grid({ steps: 4 })).toThrow(/mu.*tokens/);
    expect(plan.grid({ steps: 4, mu: 1 }).sigmas[0]).toBe(1);
    // 4096 tokens have the whole of max_shift, 256 only base_shift.
    expect(plan.grid({ steps: 4, tokens: 4096 }).sigmas).toEqual(plan.grid({ steps: 4, mu: 1.15 }).sigmas);
    expect(plan.grid({ steps: 4, tokens: 256 }).sigmas).toEqual(plan.grid({ steps: 4, mu: 0.5 }).sigmas);
    const own = { base_shift: 0.1, max_shift: 2, base_image_seq_len: 100, max_image_seq_len: 200 };
    const other = fromDiffusers({ _class_name: "FlowMatchEulerDiscreteScheduler", use_dynamic_shifting: true, ...own });
    expect(other.grid({ steps: 4, tokens: 200 }).sigmas).toEqual(plan.grid({ steps: 4, mu: 2 }).sigmas);
  });

  it("ignores other schedulers' options and what is null, as diffusers does", () => {
    const config = {
      _class_name: "PNDMScheduler",
      clip_sample: false,
      trained_betas: null,
      skip_prk_steps: true,
      _diffusers_version: "0.6.0",
    };
    expect(fromDiffusers(config).sampler).toBe("pndm");
  });

  it("takes Flax's names for the same schedulers", () => {
    expect(fromDiffusers({ _class_name: "FlaxDDIMScheduler" }).sampler).toBe("ddim");
    expect(fromDiffusers({ _class_name: "FlaxPNDMScheduler" }).sampler).toBe("pndm");
  });

  it("passes over null where diffusers doesn't look", () => {
    for (const config of [
      { _class_name: "EulerDiscreteScheduler", steps_offset: null },
      { _class_name: "DPMSolverMultistepScheduler", flow_shift: null },
    ])
      expect(fromDiffusers(config).grid({ steps: 2 }).steps).toBe(2);
  });
});
