"""Which scheduler configurations samplers.py records."""

SD = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
CASES = []


def case(name, class_name, config=None, steps=10, network="mlp", seed=0, **extra):
    CASES.append(
        {
            "name": f"{class_name} {name}",
            "config": {"_class_name": class_name, **(config or {})},
            "steps": steps,
            "network": network,
            "seed": seed,
            **extra,
        }
    )


SPACINGS = ("linspace", "leading", "trailing")

# --- euler -----------------------------------------------------------------------------------------------------------
name = "EulerDiscreteScheduler"
case("defaults, linear network", name, network="linear")
for spacing in SPACINGS:
    case(f"SD {spacing}", name, {**SD, "timestep_spacing": spacing, "steps_offset": 1})
case("karras", name, {**SD, "use_karras_sigmas": True})
case("karras with bounds", name, {**SD, "use_karras_sigmas": True, "sigma_min": 0.1, "sigma_max": 10.0})
case("exponential", name, {**SD, "use_exponential_sigmas": True})
case("log_linear", name, {**SD, "interpolation_type": "log_linear"})
case("sigma_min at the end", name, {**SD, "final_sigmas_type": "sigma_min"})
case("v", name, {**SD, "prediction_type": "v_prediction", "timestep_spacing": "trailing"})
case("v continuous", name, {**SD, "prediction_type": "v_prediction", "timestep_type": "continuous"})
case("sample", name, {**SD, "prediction_type": "sample"})
case("cosine", name, {"beta_schedule": "squaredcos_cap_v2"})
case("v, zero SNR", name, {**SD, "prediction_type": "v_prediction", "rescale_betas_zero_snr": True, "timestep_spacing": "trailing"})
case("1 step", name, SD, steps=1)
case("img2img", name, SD, strength=0.6)
case("img2img karras", name, {**SD, "use_karras_sigmas": True}, steps=13, strength=0.3)

name = "EulerAncestralDiscreteScheduler"
for spacing in SPACINGS:
    case(f"SD {spacing}", name, {**SD, "timestep_spacing": spacing, "steps_offset": 1}, generator=True)
case("v, zero SNR", name, {**SD, "prediction_type": "v_prediction", "rescale_betas_zero_snr": True}, generator=True)
case("img2img", name, SD, strength=0.55, generator=True, seed=5)

# --- ddim ------------------------------------------------------------------------------------------------------------
name = "DDIMScheduler"
case("defaults, linear network", name, network="linear")
for spacing in SPACINGS:
    case(f"SD {spacing}", name, {**SD, "timestep_spacing": spacing, "clip_sample": False}, steps=12)
case("SD as published", name, {**SD, "clip_sample": False, "set_alpha_to_one": False, "steps_offset": 1})
case("eta 1", name, {**SD, "clip_sample": False}, step={"eta": 1.0}, generator=True)
case("eta 0.4 clipped", name, {**SD, "clip_sample_range": 0.8}, step={"eta": 0.4}, generator=True)
case("clipped", name, {**SD, "clip_sample": True})
case("thresholding", name, {**SD, "thresholding": True, "sample_max_value": 1.5, "dynamic_thresholding_ratio": 0.9})
case("v, zero SNR", name, {**SD, "prediction_type": "v_prediction", "rescale_betas_zero_snr": True, "timestep_spacing": "trailing", "clip_sample": False})
case("sample", name, {**SD, "prediction_type": "sample", "clip_sample": False})
case("img2img", name, {**SD, "clip_sample": False, "steps_offset": 1}, strength=0.75)
case("1 step", name, {**SD, "clip_sample": False}, steps=1)
# None is not the default: a switch that is None is off.
case("clip_sample None", name, {**SD, "clip_sample": None})
case("set_alpha_to_one None", name, {**SD, "clip_sample": False, "set_alpha_to_one": None})

# --- dpm solver, multistep -------------------------------------------------------------------------------------------
name = "DPMSolverMultistepScheduler"
case("defaults, linear network", name, network="linear")
for spacing in SPACINGS:
    case(f"SD {spacing}", name, {**SD, "timestep_spacing": spacing, "steps_offset": 1})
case("20 steps", name, SD, steps=20)
case("karras", name, {**SD, "use_karras_sigmas": True})
case("exponential", name, {**SD, "use_exponential_sigmas": True})
case("sigma_min, 20 steps", name, {**SD, "final_sigmas_type": "sigma_min"}, steps=20)
case("sigma_min, 20 steps, euler at final", name, {**SD, "final_sigmas_type": "sigma_min", "euler_at_final": True}, steps=20)
case("sigma_min, 10 steps", name, {**SD, "final_sigmas_type": "sigma_min"})
case("v", name, {**SD, "prediction_type": "v_prediction"})
case("thresholding", name, {**SD, "thresholding": True})
case("img2img", name, SD, strength=0.5, steps=11)
case("1 step", name, SD, steps=1)

# --- dpm solver, multistep: the other algorithms and orders ----------------------------------------------------------
for order in (1, 3):
    case(f"order {order}", name, {**SD, "solver_order": order}, steps=16)
    case(f"order {order}, lower order final", name, {**SD, "solver_order": order, "final_sigmas_type": "sigma_min"}, steps=9)
case("order 3, 16 steps to sigma_min", name, {**SD, "solver_order": 3, "final_sigmas_type": "sigma_min"}, steps=16)
case("heun", name, {**SD, "solver_type": "heun"})
case("dpmsolver", name, {**SD, "algorithm_type": "dpmsolver", "final_sigmas_type": "sigma_min"})
case("dpmsolver heun", name, {**SD, "algorithm_type": "dpmsolver", "solver_type": "heun", "final_sigmas_type": "sigma_min"}, steps=16)
case("dpmsolver order 3 v", name, {**SD, "algorithm_type": "dpmsolver", "solver_order": 3, "final_sigmas_type": "sigma_min", "prediction_type": "v_prediction"}, steps=16)
case("sde", name, {**SD, "algorithm_type": "sde-dpmsolver++"}, generator=True)
case("sde heun", name, {**SD, "algorithm_type": "sde-dpmsolver++", "solver_type": "heun"}, generator=True)
case("sde order 3", name, {**SD, "algorithm_type": "sde-dpmsolver++", "solver_order": 3}, generator=True, steps=16)
case("sde noise", name, {**SD, "algorithm_type": "sde-dpmsolver", "final_sigmas_type": "sigma_min"}, generator=True)
case("sde noise heun", name, {**SD, "algorithm_type": "sde-dpmsolver", "solver_type": "heun", "final_sigmas_type": "sigma_min"}, generator=True)
case("lu", name, {**SD, "use_lu_lambdas": True})
case("beta", name, {**SD, "use_beta_sigmas": True})
case("clipped lambda, cosine", name, {"beta_schedule": "squaredcos_cap_v2", "lambda_min_clipped": -5.1})
case("cosine karras", name, {"beta_schedule": "squaredcos_cap_v2", "use_karras_sigmas": True, "lambda_min_clipped": -5.1})
case("flow", name, {"use_flow_sigmas": True, "flow_shift": 3.0, "prediction_type": "flow_prediction"})
case("custom timesteps", name, SD, steps=None, set_timesteps={"timesteps": [999, 700, 400, 200, 50, 10]})
case("v, zero SNR", name, {**SD, "prediction_type": "v_prediction", "rescale_betas_zero_snr": True, "timestep_spacing": "trailing"})

# --- dpm solver, singlestep ------------------------------------------------------------------------------------------
name = "DPMSolverSinglestepScheduler"
case("defaults", name, SD)
for order in (1, 2, 3):
    for steps in (6, 7, 8):
        case(f"order {order}, {steps} steps", name, {**SD, "solver_order": order}, steps=steps)
case("order 3 heun to sigma_min", name, {**SD, "solver_order": 3, "solver_type": "heun", "final_sigmas_type": "sigma_min"}, steps=9)
case("order 2 heun", name, {**SD, "solver_type": "heun"})
case("dpmsolver order 3", name, {**SD, "algorithm_type": "dpmsolver", "solver_order": 3, "final_sigmas_type": "sigma_min"}, steps=9)
case("dpmsolver order 3 heun", name, {**SD, "algorithm_type": "dpmsolver", "solver_type": "heun", "solver_order": 3, "final_sigmas_type": "sigma_min"}, steps=9)
case("dpmsolver order 2", name, {**SD, "algorithm_type": "dpmsolver", "final_sigmas_type": "sigma_min"}, steps=8)
case("sde order 2", name, {**SD, "algorithm_type": "sde-dpmsolver++"}, generator=True)
case("sde order 3 heun", name, {**SD, "algorithm_type": "sde-dpmsolver++", "solver_order": 3, "solver_type": "heun"}, generator=True, steps=9)
case("karras", name, {**SD, "use_karras_sigmas": True})
case("thresholding", name, {**SD, "thresholding": True})
case("img2img", name, {**SD, "solver_order": 3}, steps=10, strength=0.7)

# --- deis, uni_pc ----------------------------------------------------------------------------------------------------
name = "DEISMultistepScheduler"
case("defaults", name, SD)
case("defaults, 20 steps", name, SD, steps=20)
case("order 3", name, {**SD, "solver_order": 3}, steps=16)
case("order 3, 8 steps", name, {**SD, "solver_order": 3}, steps=8)
case("karras", name, {**SD, "use_karras_sigmas": True}, steps=16)
case("v", name, {**SD, "prediction_type": "v_prediction"})
case("leading", name, {**SD, "timestep_spacing": "leading", "steps_offset": 1})
case("flow", name, {"use_flow_sigmas": True, "flow_shift": 2.0, "prediction_type": "flow_prediction"})
case("img2img", name, SD, strength=0.4)

name = "UniPCMultistepScheduler"
case("defaults", name, SD)
# With final_sigmas_type zero, diffusers' bh1 ends in NaN.
case("bh1", name, {**SD, "solver_type": "bh1", "final_sigmas_type": "sigma_min"})
for order in (1, 3, 4):
    case(f"order {order}", name, {**SD, "solver_order": order}, steps=12)
    case(f"order {order} bh1", name, {**SD, "solver_order": order, "solver_type": "bh1", "final_sigmas_type": "sigma_min"}, steps=12)
case("noise", name, {**SD, "predict_x0": False, "final_sigmas_type": "sigma_min"})
case("noise order 3 v", name, {**SD, "predict_x0": False, "solver_order": 3, "prediction_type": "v_prediction", "final_sigmas_type": "sigma_min"})
case("corrector off at first", name, {**SD, "disable_corrector": [0, 1]})
case("karras, order 3", name, {**SD, "use_karras_sigmas": True, "solver_order": 3})
case("karras to sigma_min", name, {**SD, "use_karras_sigmas": True, "final_sigmas_type": "sigma_min"})
case("exponential", name, {**SD, "use_exponential_sigmas": True})
case("beta", name, {**SD, "use_beta_sigmas": True})
case("thresholding", name, {**SD, "thresholding": True})
case("flow", name, {"use_flow_sigmas": True, "flow_shift": 3.0, "prediction_type": "flow_prediction"})
case("flow order 3", name, {"use_flow_sigmas": True, "flow_shift": 3.0, "solver_order": 3, "prediction_type": "flow_prediction"}, steps=14)
case("flow dynamic", name, {"use_flow_sigmas": True, "use_dynamic_shifting": True, "prediction_type": "flow_prediction"}, set_timesteps={"mu": 0.8})
case("flow karras", name, {"use_flow_sigmas": True, "use_karras_sigmas": True, "prediction_type": "flow_prediction"})
case("flow terminal", name, {"use_flow_sigmas": True, "flow_shift": 2.0, "shift_terminal": 0.02, "prediction_type": "flow_prediction"})
case("img2img", name, {**SD, "solver_order": 3}, strength=0.6)
case("img2img corrector off", name, {**SD, "disable_corrector": [5]}, strength=0.6)
case("1 step", name, SD, steps=1)
case("2 steps", name, SD, steps=2)

# --- the sigma family ------------------------------------------------------------------------------------------------
for name in ("HeunDiscreteScheduler", "LMSDiscreteScheduler", "KDPM2DiscreteScheduler", "KDPM2AncestralDiscreteScheduler"):
    random = {"generator": True} if "Ancestral" in name else {}
    case("defaults", name, network="linear", **random)
    for spacing in SPACINGS:
        case(f"SD {spacing}", name, {**SD, "timestep_spacing": spacing, "steps_offset": 1}, **random)
    case("karras", name, {**SD, "use_karras_sigmas": True}, **random)
    case("exponential", name, {**SD, "use_exponential_sigmas": True}, **random)
    case("beta", name, {**SD, "use_beta_sigmas": True}, **random)
    case("v", name, {**SD, "prediction_type": "v_prediction"}, **random)
    case("img2img", name, SD, strength=0.6, **random)
    case("1 step", name, SD, steps=1, **random)
case("img2img karras", "LMSDiscreteScheduler", {**SD, "use_karras_sigmas": True}, steps=13, strength=0.3)
case("clipped", "HeunDiscreteScheduler", {**SD, "clip_sample": True})
case("exp betas", "HeunDiscreteScheduler", {"beta_schedule": "exp"})
case("sample", "HeunDiscreteScheduler", {**SD, "prediction_type": "sample"})
case("beta", "EulerDiscreteScheduler", {**SD, "use_beta_sigmas": True})
case("custom timesteps", "EulerDiscreteScheduler", SD, steps=None, set_timesteps={"timesteps": [999, 700, 400, 200, 50, 10]})
case("custom sigmas", "EulerDiscreteScheduler", SD, steps=None, set_timesteps={"sigmas": [14.0, 8.0, 4.0, 2.0, 1.0, 0.3, 0.0]})
case("custom timesteps", "HeunDiscreteScheduler", SD, steps=None, set_timesteps={"timesteps": [999, 700, 400, 200, 50, 10]})

# --- ddpm, pndm ------------------------------------------------------------------------------------------------------
name = "DDPMScheduler"
case("defaults", name, network="linear", generator=True)
for spacing in SPACINGS:
    case(f"SD {spacing}", name, {**SD, "timestep_spacing": spacing, "clip_sample": False}, steps=12, generator=True)
case("steps_offset", name, {**SD, "clip_sample": False, "steps_offset": 1}, generator=True)
for variance in ("fixed_small_log", "fixed_large"):
    case(variance, name, {**SD, "variance_type": variance, "clip_sample": False, "steps_offset": 1}, generator=True)
for betas in ("sigmoid", "laplace", "squaredcos_cap_v2"):
    case(betas, name, {"beta_schedule": betas}, generator=True)
case("thresholding", name, {**SD, "thresholding": True}, generator=True)
case("v, zero SNR", name, {**SD, "prediction_type": "v_prediction", "rescale_betas_zero_snr": True, "timestep_spacing": "trailing", "clip_sample": False}, generator=True)
case("custom timesteps", name, {**SD, "clip_sample": False}, steps=None, set_timesteps={"timesteps": [999, 700, 400, 200, 50, 0]}, generator=True)
case("img2img", name, {**SD, "clip_sample": False}, strength=0.7, generator=True)

name = "PNDMScheduler"
case("defaults (Runge-Kutta start)", name)
case("SD 1.5", name, {**SD, "skip_prk_steps": True, "steps_offset": 1})
for spacing in ("linspace", "trailing"):
    case(f"PLMS {spacing}", name, {**SD, "skip_prk_steps": True, "timestep_spacing": spacing}, steps=12)
case("PLMS to alpha 1", name, {**SD, "skip_prk_steps": True, "set_alpha_to_one": True})
case("PLMS v", name, {**SD, "skip_prk_steps": True, "prediction_type": "v_prediction"})
case("Runge-Kutta v", name, {**SD, "prediction_type": "v_prediction"})
case("PLMS img2img", name, {**SD, "skip_prk_steps": True, "steps_offset": 1}, strength=0.6)
for steps in (1, 2, 3):
    case(f"PLMS {steps} steps", name, {**SD, "skip_prk_steps": True}, steps=steps)
# diffusers counts the Runge-Kutta start's calls from the first that is run.
case("Runge-Kutta img2img", name, SD, strength=0.8)
case("Runge-Kutta img2img, after its end", name, {**SD, "steps_offset": 1}, steps=25, strength=0.6)
case("Runge-Kutta v img2img", name, {**SD, "prediction_type": "v_prediction"}, strength=0.5)

# --- distilled, EDM, flow, consistency -------------------------------------------------------------------------------
name = "LCMScheduler"
case("4 steps", name, steps=4, generator=True)
case("8 steps, clipped", name, {"clip_sample": True}, steps=8, generator=True)
case("7 steps of 40", name, {"original_inference_steps": 40}, steps=7, generator=True)
case("v, scaled", name, {"prediction_type": "v_prediction", "timestep_scaling": 1.0}, steps=4, generator=True)
case("img2img", name, steps=6, strength=0.5, generator=True)
case("1 step", name, steps=1, generator=True)
name = "TCDScheduler"
case("4 steps", name, steps=4, generator=True)
case("eta 0", name, steps=5, step={"eta": 0.0}, generator=True)
case("eta 1, v", name, {"prediction_type": "v_prediction"}, steps=5, step={"eta": 1.0}, generator=True)
case("img2img", name, steps=6, strength=0.5, generator=True)
name = "EDMEulerScheduler"
case("defaults", name)
case("exponential v to sigma_min", name, {"sigma_schedule": "exponential", "prediction_type": "v_prediction", "final_sigmas_type": "sigma_min"})
case("rho 3", name, {"rho": 3.0, "sigma_data": 1.0, "sigma_max": 120.0})
name = "EDMDPMSolverMultistepScheduler"
case("defaults", name, steps=16)
case("order 3", name, {"solver_order": 3}, steps=16)
case("heun", name, {"solver_type": "heun"})
case("sde", name, {"algorithm_type": "sde-dpmsolver++"}, generator=True)
case("exponential", name, {"sigma_schedule": "exponential", "final_sigmas_type": "sigma_min"})
name = "FlowMatchEulerDiscreteScheduler"
case("defaults", name)
case("shift 3 (SD3)", name, {"shift": 3.0})
case("dynamic (Flux)", name, {"use_dynamic_shifting": True, "shift": 3.0}, set_timesteps={"mu": 0.9})
case("dynamic linear", name, {"use_dynamic_shifting": True, "time_shift_type": "linear"}, set_timesteps={"mu": 1.7})
case("terminal", name, {"shift": 2.0, "shift_terminal": 0.1})
case("karras", name, {"use_karras_sigmas": True})
case("exponential", name, {"use_exponential_sigmas": True, "shift": 2.0})
case("beta", name, {"use_beta_sigmas": True})
case("stochastic", name, {"stochastic_sampling": True}, generator=True)
case("custom sigmas", name, {"shift": 2.0}, steps=None, set_timesteps={"sigmas": [1.0, 0.8, 0.5, 0.2]})
case("img2img", name, {"shift": 3.0}, strength=0.6)
case("img2img, rounded", name, {"shift": 3.0}, steps=9, strength=0.55)
name = "FlowMatchHeunDiscreteScheduler"
case("defaults", name)
case("shift 3", name, {"shift": 3.0})
name = "CMStochasticIterativeScheduler"
case("1 step", name, steps=1, generator=True)
case("4 steps", name, steps=4, generator=True)
case("3 steps, unclipped", name, {"clip_denoised": False, "s_noise": 0.9}, steps=3, generator=True)
case("custom timesteps", name, steps=None, set_timesteps={"timesteps": [22, 0]}, generator=True)
name = "IPNDMScheduler"
case("defaults", name)
case("20 steps", name, steps=20)

# --- sa solver -------------------------------------------------------------------------------------------------------
name = "SASolverScheduler"
case("defaults", name, SD, generator=True)
case("orders 3 and 4", name, {**SD, "predictor_order": 3, "corrector_order": 4}, generator=True, steps=12)
case("orders 1 and 1", name, {**SD, "predictor_order": 1, "corrector_order": 1}, generator=True)
case("noise", name, {**SD, "algorithm_type": "noise_prediction"}, generator=True)
case("karras", name, {**SD, "use_karras_sigmas": True}, generator=True)
case("v, no lower order", name, {**SD, "prediction_type": "v_prediction", "lower_order_final": False}, generator=True)
case("flow", name, {"use_flow_sigmas": True, "flow_shift": 2.0, "prediction_type": "flow_prediction"}, generator=True)
# It noises a picture by whole timesteps, wherever the levels are.
case("img2img", name, SD, strength=0.6, generator=True)
case("karras img2img", name, {**SD, "use_karras_sigmas": True}, strength=0.6, generator=True)
case("flow img2img", name, {"use_flow_sigmas": True, "prediction_type": "flow_prediction"}, strength=0.45, generator=True)
for name in ("DPMSolverMultistepScheduler", "UniPCMultistepScheduler", "DEISMultistepScheduler"):
    case("flow img2img", name, {**SD, "use_flow_sigmas": True, "prediction_type": "flow_prediction"}, strength=0.45)

# --- dpm solver, SDE: its noise is a Brownian tree's -----------------------------------------------------------------
name = "DPMSolverSDEScheduler"
for spacing in SPACINGS:
    case(f"SD {spacing}", name, {**SD, "timestep_spacing": spacing, "noise_sampler_seed": 7})
case("karras", name, {**SD, "use_karras_sigmas": True, "noise_sampler_seed": 12345678901})
case("v", name, {**SD, "prediction_type": "v_prediction", "noise_sampler_seed": 0})
case("1 step", name, {**SD, "noise_sampler_seed": 0}, steps=1)
# diffusers' own default betas, and step counts whose middles fall anywhere.
for steps in (7, 9, 19, 50):
    case(f"default {steps} steps", name, {"noise_sampler_seed": 7}, steps=steps)
case("200 timesteps", name, {"num_train_timesteps": 200, "noise_sampler_seed": 7}, steps=13)
case("exponential img2img", name, {"use_exponential_sigmas": True, "noise_sampler_seed": 7}, steps=15, strength=0.6)
case("beta", name, {**SD, "use_beta_sigmas": True, "noise_sampler_seed": 7}, steps=11)

# --- None where a scheduler goes on with it ------------------------------------------------------------------------------
case("clip_sample, variance_type None", "DDPMScheduler", {**SD, "clip_sample": None, "variance_type": None}, generator=True)
case("timestep_type None", "EulerDiscreteScheduler", {**SD, "timestep_type": None})
case("lower_order_final None", "DEISMultistepScheduler", {**SD, "lower_order_final": None}, steps=6)
case("lower_order_final None", "SASolverScheduler", {**SD, "lower_order_final": None}, steps=6, generator=True)
case("clip_denoised None", "CMStochasticIterativeScheduler", {"clip_denoised": None}, steps=4, generator=True)
