"""Writes the pictures that diffusers makes with the folder fixtures/pipelines/sd1 (see pipelines.py) under many schedulers, in each task,
several at a time with a list of generators, and over timesteps and sigmas of one's own.

packages/backend-local/fixtures/pipelines/sd1-schedulers.json lists the requests and schedulers, sd1-schedulers.safetensors holds `image`
and `mask` (U8 [height, width, 3]) and for each request `<case>` (U8 [count, height, width, 3]).

    python tools/oracle/pipeline_schedulers.py
"""

import json
from pathlib import Path

import diffusers
import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

from pipeline_inputs import KINDS, picture
from saved import load

FOLDER = Path(__file__).parents[2] / "packages/backend-local/fixtures/pipelines"
MODEL = FOLDER / "sd1"
PROMPT = dict(prompt="a red apple on a blue background", negative_prompt="blurry")
SIDE, SEED, STEPS = 32, 7, 8
SD = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", num_train_timesteps=1000)
NO_CLIP = dict(**SD, clip_sample=False)
FLOW = dict(use_flow_sigmas=True, flow_shift=3.0, prediction_type="flow_prediction")

# name: scheduler, its config, and what the call takes besides.
EVERY_TASK = {
    "ddim-eta-1": ("DDIMScheduler", NO_CLIP, dict(eta=1.0)),
    "ddpm": ("DDPMScheduler", NO_CLIP, {}),
    "ddpm-large-clipped": ("DDPMScheduler", dict(**SD, clip_sample=True, variance_type="fixed_large"), {}),
    "pndm-runge-kutta": ("PNDMScheduler", SD, {}),
    "lms": ("LMSDiscreteScheduler", SD, {}),
    "euler-ancestral": ("EulerAncestralDiscreteScheduler", dict(**SD, timestep_spacing="trailing"), {}),
    "heun": ("HeunDiscreteScheduler", SD, {}),
    "kdpm2": ("KDPM2DiscreteScheduler", SD, {}),
    "kdpm2-ancestral": ("KDPM2AncestralDiscreteScheduler", SD, {}),
    "dpmpp-2m-sde-karras": (
        "DPMSolverMultistepScheduler",
        dict(**SD, algorithm_type="sde-dpmsolver++", use_karras_sigmas=True),
        {},
    ),
    "singlestep": ("DPMSolverSinglestepScheduler", SD, {}),
    "unipc": ("UniPCMultistepScheduler", dict(**SD, solver_order=3), {}),
    "sa-solver": ("SASolverScheduler", SD, {}),
    "sa-solver-flow": ("SASolverScheduler", dict(**SD, **FLOW), {}),
    "unipc-flow": ("UniPCMultistepScheduler", dict(**SD, **FLOW), {}),
    "lcm": ("LCMScheduler", SD, dict(num_inference_steps=4)),
    "tcd": ("TCDScheduler", SD, dict(num_inference_steps=4)),
    "tcd-eta": ("TCDScheduler", SD, dict(num_inference_steps=4, eta=0.5)),
    "dpm-sde": ("DPMSolverSDEScheduler", dict(**SD, noise_sampler_seed=123), {}),
}
TASKS = {"text-to-image": {}, "image-to-image": dict(strength=0.6), "inpaint": dict(strength=0.9)}

TIMESTEPS = [999, 700, 400, 200, 50, 10]
DISTILLED = [999, 759, 499, 259]
SIGMAS = [14.0, 8.0, 4.0, 2.0, 1.0, 0.3, 0.0]
OWN_LEVELS = {
    "euler-sigmas": ("EulerDiscreteScheduler", SD, dict(sigmas=SIGMAS)),
    "euler-timesteps": ("EulerDiscreteScheduler", SD, dict(timesteps=TIMESTEPS)),
    "euler-continuous-sigmas": (
        "EulerDiscreteScheduler",
        dict(**SD, use_karras_sigmas=True, prediction_type="v_prediction", timestep_type="continuous"),
        dict(sigmas=SIGMAS),
    ),
    "ddpm-timesteps": (
        "DDPMScheduler",
        dict(**SD, clip_sample=True, variance_type="fixed_large"),
        dict(timesteps=TIMESTEPS),
    ),
    "heun-timesteps": ("HeunDiscreteScheduler", SD, dict(timesteps=TIMESTEPS)),
    "dpmpp-timesteps": ("DPMSolverMultistepScheduler", dict(**SD, thresholding=True), dict(timesteps=TIMESTEPS)),
    "dpm-order-3-timesteps": (
        "DPMSolverMultistepScheduler",
        dict(**SD, solver_order=3, algorithm_type="dpmsolver", final_sigmas_type="sigma_min"),
        dict(timesteps=TIMESTEPS),
    ),
    "singlestep-timesteps": ("DPMSolverSinglestepScheduler", SD, dict(timesteps=TIMESTEPS)),
    "lcm-timesteps": ("LCMScheduler", dict(**SD, clip_sample=True), dict(timesteps=DISTILLED)),
    "tcd-timesteps": ("TCDScheduler", SD, dict(timesteps=DISTILLED)),
}

CASES = [
    (f"{name} {task}", task, scheduler, dict(count=2, **extra))
    for name, scheduler in EVERY_TASK.items()
    for task, extra in TASKS.items()
]
CASES += [(f"{name} text-to-image", "text-to-image", scheduler, {}) for name, scheduler in OWN_LEVELS.items()]
CASES += [
    (f"{name} {task}", task, OWN_LEVELS[name], dict(count=2, strength=0.6))
    for name in ("euler-sigmas", "dpmpp-timesteps", "heun-timesteps")
    for task in ("image-to-image", "inpaint")
]
# At strength 1 the start is noise alone; more images than one share the picture's latent.
CASES += [
    (f"{name} inpaint whole", "inpaint", EVERY_TASK[name], dict(count=3, strength=1.0))
    for name in ("ddim-eta-1", "euler-ancestral", "heun", "kdpm2-ancestral")
]


@torch.no_grad()
def main():
    image, mask = picture(SIDE)
    tensors = {"image": torch.from_numpy(image), "mask": torch.from_numpy(mask)}
    cases = []
    for name, task, (class_name, config, call), request in CASES:
        pipeline = load(KINDS[task], MODEL, (class_name, config))
        inputs = {} if task == "text-to-image" else dict(image=Image.fromarray(image))
        if task == "inpaint":
            inputs |= dict(mask_image=Image.fromarray(mask))
        if task != "image-to-image":
            inputs |= dict(width=SIDE, height=SIDE)
        request = {"count": 1, **request}
        extra = {key: value for key, value in request.items() if key != "count"}
        count = request["count"]
        levels = "timesteps" in call or "sigmas" in call
        call = {**({} if levels else {"num_inference_steps": STEPS}), **call}
        result = pipeline(
            **PROMPT, **inputs, **extra, **call, guidance_scale=5.0, num_images_per_prompt=count,
            generator=[torch.Generator().manual_seed(SEED + i) for i in range(count)], output_type="np",
        ).images  # fmt: skip
        assert np.isfinite(result).all() and result.shape == (count, SIDE, SIDE, 3), name
        print(f"{name}: mean {result.mean():.3f}, spread {result.std():.3f}")
        tensors[name] = torch.from_numpy(np.ascontiguousarray((result * 255).round().astype(np.uint8)))
        entry = {"task": task, **request, **{key: call[key] for key in ("timesteps", "sigmas") if key in call}}
        if not levels:
            entry["steps"] = call["num_inference_steps"]
        if "eta" in call:
            entry["samplerOptions"] = {"eta": call["eta"]}
        cases.append({"name": name, "request": entry, "scheduler": {"_class_name": class_name, **config}})
    common = {"seed": SEED, "guidanceScale": 5, "width": SIDE, "height": SIDE}
    common |= {"prompt": PROMPT["prompt"], "negativePrompt": PROMPT["negative_prompt"]}
    save_file(tensors, FOLDER / "sd1-schedulers.safetensors")
    lines = ",\n".join(json.dumps(case) for case in cases)
    header = json.dumps({"diffusers": diffusers.__version__, "common": common})
    (FOLDER / "sd1-schedulers.json").write_text(f'{header[:-1]}, "cases": [\n{lines}\n]}}\n')
    print(len(cases), "cases")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
