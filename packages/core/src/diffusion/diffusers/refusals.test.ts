import { describe, expect, it } from "vitest";
import { diffusersSchedulers, fromDiffusers } from "./from-diffusers.ts";

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
    [{ _class_name: "DPMSolverMultistepScheduler", solver_order: 4 }, /solver_order.*1, 2, 3/],
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

  it("asks for mu where a dynamic shift needs it", () => {
    const plan = fromDiffusers({ _class_name: "FlowMatchEulerDiscreteScheduler", use_dynamic_shifting: true });
    expect(() => plan.grid({ steps: 4 })).toThrow(/mu.*dynamicShift/);
    expect(plan.grid({ steps: 4, mu: 1 }).sigmas[0]).toBe(1);
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
});
