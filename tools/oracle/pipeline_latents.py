"""Writes what diffusers makes of given latents, and of a part of the steps, with fixtures/pipelines/sd1 (see pipelines.py).

packages/backend-local/fixtures/pipelines/sd1-latents.json lists the requests and their schedulers; sd1-latents.safetensors holds
`noise` and `picture` (F32 [2, 4, 4, 4]: latents in the network's scale) and for each case `<case>`: the pictures
(U8 [count, 32, 32, 3]), or where the request stops early the latents that are left (F32 [count, 4, 4, 4]).

    python tools/oracle/pipeline_latents.py
"""

import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from pipeline_inputs import KINDS
from saved import load

FOLDER = Path(__file__).parents[2] / "packages/backend-local/fixtures/pipelines"
MODEL = FOLDER / "sd1"
PROMPT = dict(prompt="a red apple", negative_prompt="blurry")
SD = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", num_train_timesteps=1000)
DDIM = ("DDIMScheduler", dict(**SD, clip_sample=False, steps_offset=1))
EULER = ("EulerDiscreteScheduler", dict(**SD, timestep_spacing="leading"))
ANCESTRAL = ("EulerAncestralDiscreteScheduler", SD)
HEUN = ("HeunDiscreteScheduler", SD)

# name: task, which latents, scheduler, request
CASES = {
    "noise ddim": ("text-to-image", "noise", DDIM, dict(count=2)),
    "noise euler": ("text-to-image", "noise", EULER, dict(count=1)),
    # The steps' noise shows that none was drawn before them.
    "noise euler-ancestral": ("text-to-image", "noise", ANCESTRAL, dict(count=2)),
    "picture ddim": ("image-to-image", "picture", DDIM, dict(count=2, strength=0.6)),
    "picture euler-ancestral": ("image-to-image", "picture", ANCESTRAL, dict(count=2, strength=0.7)),
    "end ddim": ("text-to-image", None, DDIM, dict(count=1, endStep=3)),
    "end euler-ancestral": ("text-to-image", None, ANCESTRAL, dict(count=1, endStep=4)),
    "end heun": ("text-to-image", None, HEUN, dict(count=1, endStep=2)),
    "end picture euler": ("image-to-image", "picture", EULER, dict(count=1, strength=0.8, endStep=5)),
}
STEPS, SEED, SIDE = 6, 7, 32


@torch.no_grad()
def main():
    drawn = torch.Generator().manual_seed(99)
    tensors = {
        "noise": torch.randn(2, 4, 4, 4, generator=drawn),
        "picture": 0.8 * torch.randn(2, 4, 4, 4, generator=drawn),
    }
    cases = []
    for name, (task, latents, (class_name, config), request) in CASES.items():
        pipeline = load(KINDS[task], MODEL, (class_name, config))
        count = request["count"]
        given = {} if latents is None else {
            "latents" if task == "text-to-image" else "image": tensors[latents][:count].clone()
        }  # fmt: skip
        if task == "text-to-image":
            given |= dict(width=SIDE, height=SIDE)
        extra = dict(strength=request["strength"]) if "strength" in request else {}
        # Steps are counted over the whole layout; Heun's scheduler counts its calls.
        skipped = STEPS - min(int(STEPS * request.get("strength", 1)), STEPS)
        calls = 2 * request["endStep"] - 1 if class_name.startswith("Heun") and "endStep" in request else None
        last = calls if calls is not None else request.get("endStep", 0) - skipped - 1

        def stop(pipe, i, _, values):
            pipe._interrupt = i >= last
            return values

        ends = "endStep" in request
        result = pipeline(
            **PROMPT, **given, **extra, guidance_scale=5.0, num_inference_steps=STEPS, num_images_per_prompt=count,
            generator=[torch.Generator().manual_seed(SEED + i) for i in range(count)],
            output_type="latent" if ends else "np", **(dict(callback_on_step_end=stop) if ends else {}),
        ).images  # fmt: skip
        print(f"{name}: mean {result.mean():.3f}, spread {result.std():.3f}")
        tensors[name] = result if ends else torch.from_numpy(np.ascontiguousarray((result * 255).round().astype(np.uint8)))
        entry = {"name": name, "request": {"task": task, **request}, "scheduler": {"_class_name": class_name, **config}}
        cases.append(entry if latents is None else {**entry, "latent": latents})
    save_file(tensors, FOLDER / "sd1-latents.safetensors")
    common = dict(prompt="a red apple", negativePrompt="blurry", seed=SEED, steps=STEPS, guidanceScale=5)
    (FOLDER / "sd1-latents.json").write_text(json.dumps({"common": common, "cases": cases}, indent=1) + "\n")


if __name__ == "__main__":
    main()
