"""Writes what diffusers makes of an input picture with the folder fixtures/pipelines/sd1 (see pipelines.py).

packages/backend-local/fixtures/pipelines/sd1-inputs.json lists the requests (and the scheduler, where it is not the
folder's own), sd1-inputs.safetensors holds `image` and `mask` (U8 [height, width, 3]), the same of other sides
(`image32`, `image96`) and for each request `<case>`
(U8 [height, width, 3]).

    python tools/oracle/pipeline_inputs.py
"""

import json
from pathlib import Path

import numpy as np
import torch
from diffusers import StableDiffusionImg2ImgPipeline, StableDiffusionInpaintPipeline, StableDiffusionPipeline
from PIL import Image
from safetensors.torch import save_file

from saved import load

FOLDER = Path(__file__).parents[2] / "packages/backend-local/fixtures/pipelines"
MODEL = FOLDER / "sd1"
PROMPT = dict(prompt="a red apple on a blue background", negative_prompt="blurry")
SCHEDULE = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", num_train_timesteps=1000)
EULER_A = ("EulerAncestralDiscreteScheduler", dict(**SCHEDULE, steps_offset=1))
EULER = ("EulerDiscreteScheduler", dict(**SCHEDULE, steps_offset=1))

CASES = {
    # An odd number of latents: the UNet's halves do not fit without care.
    "odd-size": ("text-to-image", dict(width=72, height=40), None),
    "image-to-image": ("image-to-image", dict(strength=0.6), None),
    "image-to-image-euler-ancestral": ("image-to-image", dict(strength=0.75), EULER_A),
    "image-to-image-whole": ("image-to-image", dict(strength=1.0), EULER),
    "image-to-image-one-step": ("image-to-image", dict(strength=0.2), None),
    "inpaint": ("inpaint", dict(strength=1.0), None),
    "inpaint-partly": ("inpaint", dict(strength=0.7), EULER),
    # Ancestral noise shows whether the random numbers before it were drawn in the same order.
    "inpaint-euler-ancestral": ("inpaint", dict(strength=0.9), EULER_A),
    # Pictures and masks of another size.
    "inpaint-enlarged": ("inpaint", dict(strength=0.4, side=32), None),
    "inpaint-shrunk": ("inpaint", dict(strength=0.4, side=96), None),
}

KINDS = {
    "text-to-image": StableDiffusionPipeline,
    "image-to-image": StableDiffusionImg2ImgPipeline,
    "inpaint": StableDiffusionInpaintPipeline,
}


def picture(side=64):
    """A smooth gradient with a disc, and a mask with a slanted edge that no latent square follows. `side` is a multiple of 32."""
    y, x = np.mgrid[0:side, 0:side]
    unit = side // 32
    image = np.stack([x * 8 // unit, y * 8 // unit, 255 - (x + y) * 4 // unit], -1)
    image[(x - 20 * unit) ** 2 + (y - 12 * unit) ** 2 < 50 * unit**2] = (220, 40, 30)
    mask = np.repeat(((x + 2 * y > 35 * unit) * 255)[..., None], 3, -1)
    return image.astype(np.uint8), mask.astype(np.uint8)


@torch.no_grad()
def main():
    torch.manual_seed(0)
    image, mask = picture()
    tensors = {"image": torch.from_numpy(image), "mask": torch.from_numpy(mask)}
    for side in (32, 96):
        tensors |= dict(zip((f"image{side}", f"mask{side}"), map(torch.from_numpy, picture(side))))
    cases = []
    for name, (task, request, scheduler) in CASES.items():
        pipeline = load(KINDS[task], MODEL, scheduler)
        side = request.get("side", "")
        request = {key: value for key, value in request.items() if key != "side"}
        image, mask = (tensors[f"{key}{side}"].numpy() for key in ("image", "mask"))
        inputs = {} if task == "text-to-image" else dict(image=Image.fromarray(image))
        if task == "inpaint":
            inputs |= dict(mask_image=Image.fromarray(mask), width=64, height=64)
        result = pipeline(
            **PROMPT, **request, **inputs, num_inference_steps=6, guidance_scale=5.0,
            generator=torch.Generator().manual_seed(7), output_type="np",
        ).images[0]  # fmt: skip
        print(f"{name}: {result.shape}, mean {result.mean():.3f}, spread {result.std():.3f}")
        tensors[name] = torch.from_numpy(np.ascontiguousarray((result * 255).round().astype(np.uint8)))
        entry = {"name": name, "request": {"task": task, "steps": 6, "guidanceScale": 5, "seed": 7, **request}}
        entry["request"] |= {"prompt": PROMPT["prompt"], "negativePrompt": PROMPT["negative_prompt"]}
        if side:
            entry["side"] = side
            entry["request"] |= {"width": 64, "height": 64}
        if scheduler:
            entry["scheduler"] = {"_class_name": scheduler[0], **scheduler[1]}
        cases.append(entry)
    save_file(tensors, FOLDER / "sd1-inputs.safetensors")
    (FOLDER / "sd1-inputs.json").write_text(json.dumps(cases, indent=2) + "\n")


if __name__ == "__main__":
    main()
