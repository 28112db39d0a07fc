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
