"""Writes what diffusers' pipelines make of configs that they correct when they load them, with fixtures/pipelines/sd1 (see pipelines.py).

packages/backend-local/fixtures/pipelines/sd1-corrections.json lists for each case the request and `files`, the content that stands in
the place of the folder's own (null: none); sd1-corrections.safetensors holds the pictures (U8 [height, width, 3]). Input picture and
mask are sd1-schedulers.safetensors'.

    python tools/oracle/pipeline_corrections.py
"""

import json

import numpy as np
import torch
from PIL import Image
from diffusers import StableDiffusionPAGInpaintPipeline
from safetensors.torch import load_file, save_file

from pipeline_inputs import KINDS
from pipeline_schedulers import FOLDER, MODEL, PROMPT, SD, SIDE
from saved import load, scheduler_files

STEPS, SEED = 6, 7
INDEX = json.loads((MODEL / "model_index.json").read_text())
DDIM = dict(**SD, set_alpha_to_one=False)
CLIPPED = ("DDIMScheduler", dict(**DDIM, clip_sample=True, steps_offset=1))
RUNGE_KUTTA = ("PNDMScheduler", dict(**SD, steps_offset=1))
BOTH = dict(**DDIM, clip_sample=False, steps_offset=1, skip_prk_steps=True)


def classes(index, config, options=BOTH):
    """A scheduler that model_index.json and its own config call by different classes."""
    own = {} if config is None else {"_class_name": config}
    return {**scheduler_files((index, options), MODEL), "scheduler/scheduler_config.json": {**own, **options}}


# name: task, the scheduler or files, request
CASES = {
    "no clip_sample": ("text-to-image", ("DDIMScheduler", dict(**DDIM, steps_offset=1)), {}),
    "no steps_offset": ("text-to-image", ("DDIMScheduler", dict(**DDIM, clip_sample=False)), {}),
    "clip_sample null": ("text-to-image", ("DDIMScheduler", dict(**DDIM, clip_sample=None, steps_offset=1)), {}),
    "steps_offset null": ("text-to-image", ("DDIMScheduler", dict(**DDIM, clip_sample=False, steps_offset=None)), {}),
    "set_alpha_to_one null": ("text-to-image", ("DDIMScheduler", dict(**SD, set_alpha_to_one=None)), dict(steps=3)),
    "PNDM as first published": ("text-to-image", ("PNDMScheduler", dict(**SD, skip_prk_steps=True)), {}),
    "DDPM clipped": ("text-to-image", ("DDPMScheduler", dict(**SD, clip_sample=True, steps_offset=1)), {}),
    "LCM clipped": ("text-to-image", ("LCMScheduler", dict(**SD, clip_sample=True, steps_offset=1)), dict(steps=4)),
    "Euler, leading": ("text-to-image", ("EulerDiscreteScheduler", dict(**SD, timestep_spacing="leading")), {}),
    "options named as default": (
        "text-to-image",
        ("DDIMScheduler", dict(**DDIM, steps_offset=1, prediction_type="sample", _use_default_values=["prediction_type"])),
        {},
    ),
    "image-to-image, clipped": ("image-to-image", CLIPPED, dict(strength=0.8)),
    "image-to-image, Runge-Kutta": ("image-to-image", RUNGE_KUTTA, dict(strength=0.8)),
    # Inpainting mends another option, and keeps this one.
    "inpaint, clipped": ("inpaint", CLIPPED, dict(strength=0.8)),
    "inpaint, Runge-Kutta": ("inpaint", RUNGE_KUTTA, dict(strength=0.8)),
    "inpaint, Runge-Kutta null": ("inpaint", (RUNGE_KUTTA[0], dict(**RUNGE_KUTTA[1], skip_prk_steps=None)), dict(strength=0.8)),
    "inpaint, clipped, perturbed": ("inpaint", CLIPPED, dict(strength=0.8, pag=2.0)),
    "the index's PNDM, the config's DDIM": ("text-to-image", classes("PNDMScheduler", "DDIMScheduler"), {}),
    "the index's Euler a, the config's PNDM": (
        "text-to-image",
        classes("EulerAncestralDiscreteScheduler", "PNDMScheduler"),
        {},
    ),
    "a config without a class": ("text-to-image", classes("PNDMScheduler", None), {}),
    "a config of Flax": ("text-to-image", classes("DDIMScheduler", "FlaxDDIMScheduler"), {}),
}  # fmt: skip


@torch.no_grad()
def main():
    given = load_file(FOLDER / "sd1-schedulers.safetensors")
    image, mask = (Image.fromarray(given[key].numpy()) for key in ("image", "mask"))
    tensors, cases = {}, []
    for name, (task, source, request) in CASES.items():
        files = scheduler_files(source, MODEL) if isinstance(source, tuple) else source
        request = {"steps": STEPS, **request}
        perturbed = "pag" in request
        pipeline = load(StableDiffusionPAGInpaintPipeline if perturbed else KINDS[task], MODEL, files=files)
        inputs = {} if task == "text-to-image" else dict(image=image, strength=request["strength"])
        if task == "inpaint":
            inputs |= dict(mask_image=mask)
        if task != "image-to-image":
            inputs |= dict(width=SIDE, height=SIDE)
        if perturbed:
            inputs |= dict(pag_scale=request.pop("pag"))
            request["guidance"] = {"pagScale": inputs["pag_scale"]}
        result = pipeline(
            **PROMPT, **inputs, num_inference_steps=request["steps"], guidance_scale=5.0,
            generator=torch.Generator().manual_seed(SEED), output_type="np",
        ).images[0]  # fmt: skip
        assert np.isfinite(result).all(), name
        print(f"{name}: mean {result.mean():.3f}, spread {result.std():.3f}")
        tensors[name] = torch.from_numpy(np.ascontiguousarray((result * 255).round().astype(np.uint8)))
        size = {} if task == "image-to-image" else {"width": SIDE, "height": SIDE}
        cases.append({"name": name, "request": {"task": task, **size, **request}, "files": files})
    save_file(tensors, FOLDER / "sd1-corrections.safetensors")
    common = {"seed": SEED, "guidanceScale": 5, "prompt": PROMPT["prompt"], "negativePrompt": PROMPT["negative_prompt"]}
    lines = ",\n".join(json.dumps(case) for case in cases)
    (FOLDER / "sd1-corrections.json").write_text(f'{json.dumps({"common": common})[:-1]}, "cases": [\n{lines}\n]}}\n')


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
