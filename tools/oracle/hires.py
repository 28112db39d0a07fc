"""Writes what diffusers' pipelines make one after the other of fixtures/pipelines/sd1 and fixtures/families/sdxl: a picture, enlarged, gone on with.

packages/backend-local/fixtures/hires/cases.json lists the requests; images.safetensors holds each one's picture, and `image` and `mask` where one is
given, U8 [height, width, 3].

    python tools/oracle/hires.py
"""

import json
import shutil
from pathlib import Path

import diffusers
import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from pipeline_inputs import picture
from safetensors.torch import load_file, save_file
from saved import load

ROOT = Path(__file__).parents[2] / "packages/backend-local/fixtures"
FOLDER = ROOT / "hires"
MODELS = {"sd1": ROOT / "pipelines/sd1", "sdxl": ROOT / "families/sdxl"}
TEXT = dict(prompt="a red apple on a blue background", negative_prompt="blurry", guidance_scale=5.0)


def generator():
    return torch.Generator().manual_seed(3)


def enlarged_by_network(image):
    """SRVGGNetCompact, as tools/oracle/upscalers.py writes it down."""
    layers = load_file(ROOT / "upscalers/compact-x2.safetensors")
    layers = {name.removeprefix("params."): value.float() for name, value in layers.items()}
    x = start = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() / 255
    last = max(int(name.split(".")[1]) for name in layers)
    for i in range(0, last + 1, 2):
        x = F.conv2d(x, layers[f"body.{i}.weight"], layers[f"body.{i}.bias"], padding=1)
        if i < last:
            x = F.prelu(x, layers[f"body.{i + 1}.weight"])
    x = F.pixel_shuffle(x, 2) + F.interpolate(start, scale_factor=2, mode="nearest")
    return Image.fromarray((x.clamp(0, 1)[0].permute(1, 2, 0) * 255).round().to(torch.uint8).numpy())


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    image, mask = picture()
    images = {"image": torch.from_numpy(image.copy()), "mask": torch.from_numpy(mask.copy())}
    cases = []

    def draw(name, model, scale, way, strength=0.6, steps=5, first_steps=4, task="text-to-image", scheduler=None):
        xl = "XL" if model == "sdxl" else ""
        options = {} if xl else dict(requires_safety_checker=False)
        kinds = {"text-to-image": ("", "Img2Img"), "image-to-image": ("Img2Img", "Img2Img"), "inpaint": ("Inpaint", "Inpaint")}[task]
        first, second = [load(getattr(diffusers, f"StableDiffusion{xl}{kind}Pipeline"), MODELS[model], **options) for kind in kinds]
        if scheduler:
            second.scheduler = getattr(diffusers, scheduler[0]).from_config(second.scheduler.config, **scheduler[1])
        side = int(64 * scale)
        given = {
            "text-to-image": dict(width=64, height=64),
            "image-to-image": dict(image=Image.fromarray(image), strength=0.8),
            "inpaint": dict(image=Image.fromarray(image), mask_image=Image.fromarray(mask), strength=0.9, width=64, height=64),
        }[task]
        whole = way in ("lanczos", "network")
        made = first(**TEXT, **given, num_inference_steps=first_steps, generator=generator(), output_type="pil" if whole else "latent").images
        if whole:
            larger = enlarged_by_network(made[0]) if way == "network" else made[0]
            larger = larger.resize((side, side), Image.LANCZOS)
        else:
            sizes = dict(size=(made.shape[2] * side // 64, made.shape[3] * side // 64))
            larger = F.interpolate(made, mode=way, **sizes)
        again = dict(image=larger, strength=strength)
        if task == "inpaint":
            again |= dict(mask_image=Image.fromarray(mask).resize((side, side), Image.LANCZOS), width=side, height=side)
            # A latent is not masked as a picture would be: what stands in its place is only looked at by a UNet of 9 channels.
            again |= {} if whole else dict(masked_image_latents=torch.zeros_like(larger))
        result = second(**TEXT, **again, num_inference_steps=steps, generator=generator(), output_type="np").images[0]
        images[name] = torch.from_numpy(np.ascontiguousarray((result * 255).round().astype(np.uint8)))
        hires = dict(scale=scale, strength=strength, steps=steps, upscaler=way)
        if scheduler:
            hires |= dict(sampler=scheduler[2], scheduler=scheduler[3])
        cases.append(dict(name=name, model=model, task=task, steps=first_steps, hires=hires))
        save_file(images, FOLDER / "images.safetensors")
        (FOLDER / "cases.json").write_text(json.dumps(cases, indent=2) + "\n")
        print(name, result.shape, round(float(result.mean()), 3), round(float(result.std()), 3), flush=True)

    for way in ("nearest", "nearest-exact", "bilinear", "bicubic"):
        draw(f"sd1-{way}", "sd1", 1.5, way)
    draw("sd1-twice", "sd1", 2, "bilinear", strength=0.4, steps=10)
    draw("sd1-lanczos", "sd1", 1.5, "lanczos")
    draw("sd1-network", "sd1", 2, "network")
    draw("sd1-network-smaller", "sd1", 1.5, "network")
    draw("sd1-edit", "sd1", 1.5, "bicubic", task="image-to-image")
    draw("sd1-inpaint", "sd1", 1.5, "bilinear", task="inpaint")
    draw("sd1-inpaint-lanczos", "sd1", 1.5, "lanczos", task="inpaint")
    karras = ("DPMSolverMultistepScheduler", dict(use_karras_sigmas=True), "dpmpp_2m", "karras")
    draw("sd1-sampler", "sd1", 1.5, "bilinear", scheduler=karras)
    draw("sdxl", "sdxl", 1.5, "bilinear")
    draw("sdxl-lanczos", "sdxl", 1.5, "lanczos")


if __name__ == "__main__":
    main()
