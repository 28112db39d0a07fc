"""Writes what diffusers computes with perturbed-attention guidance, from the folders that networks.py and pipelines.py wrote.

packages/backend-local/fixtures/networks/perturbed.json lists for each UNet all of its self-attentions' names (`names`), and
cases: the layers asked for, the names that diffusers' pipelines then perturb (`perturbed`), and whether there is an
unconditional half (`texts` 2 or 1). perturbed.safetensors has the outputs, one row more than there are texts, for the inputs
of the UNet's io.safetensors (the last `texts` of them) at timestep 981.

packages/backend-local/fixtures/pipelines/perturbed.json lists requests (and the scheduler, where it is not the folder's own),
perturbed.safetensors the pictures (U8 [count, height, width, 3]). Input picture and mask are sd1-inputs.safetensors'.

    python tools/oracle/perturbed_attention.py
"""

import json
from pathlib import Path

import diffusers
import numpy as np
import torch
from diffusers import (
    StableDiffusionPAGImg2ImgPipeline,
    StableDiffusionPAGInpaintPipeline,
    StableDiffusionPAGPipeline,
    UNet2DConditionModel,
)
from diffusers.models.attention_processor import Attention
from diffusers.pipelines.pag.pag_utils import PAGMixin
from PIL import Image
from pipelines import NEGATIVE, PROMPT, SD_SCHEDULE
from safetensors.torch import load_file, save_file

from saved import load
from transformers.utils import logging

diffusers.utils.logging.disable_progress_bar()
logging.disable_progress_bar()
FIXTURES = Path(__file__).parents[2] / "packages/backend-local/fixtures"
NETWORKS = FIXTURES / "networks"
PIPELINES = FIXTURES / "pipelines"

UNETS = {
    "unet-sd1": ["mid", "down", ["up", "mid"], "down_blocks.0.attentions.0"],
    "unet-sd2": ["mid", "down_blocks.(0|1)", "up_blocks.2.attentions.[12]", ["down", "mid", "up"]],
    # Self-attention without a transformer around it, and none in the middle.
    "unet-mixed": ["attentions", "up"],
    # More than one transformer block in a layer; the time embedding has a row for each sample.
    "unet-depths": ["mid", "transformer_blocks.1", "up_blocks.0.attentions.1"],
    "unet-sdxl": ["mid", "up_blocks.0.*blocks.1"],
}  # fmt: skip

EULER_A = ("EulerAncestralDiscreteScheduler", dict(**SD_SCHEDULE, steps_offset=1))
HEUN = ("HeunDiscreteScheduler", dict(**SD_SCHEDULE, steps_offset=1))
LAYERS = dict(pag_applied_layers=["down", "mid", "up"])

# Scales that are far too high for a real model: a random one's self-attention matters little.
CASES = {
    "middle": ("sd1", "text-to-image", dict(pag_scale=12.0, count=2), None),
    "all": ("sd1", "text-to-image", dict(pag_scale=3.0, **LAYERS), None),
    "regular expression": ("sd2", "text-to-image", dict(pag_scale=6.0, pag_applied_layers=["up_blocks.[12]"]), None),
    "without CFG": ("sd1", "text-to-image", dict(pag_scale=4.0, guidance_scale=1.0, **LAYERS), None),
    "without CFG, rescale": ("sd2", "text-to-image", dict(pag_scale=4.0, guidance_scale=1.0, guidance_rescale=0.7, **LAYERS), None),
    "rescale": ("sd1", "text-to-image", dict(pag_scale=5.0, guidance_rescale=0.7, **LAYERS), None),
    "adaptive": ("sd1", "text-to-image", dict(pag_scale=6.0, pag_adaptive_scale=0.01, **LAYERS), None),
    "adaptive, two calls a step": ("sd1", "text-to-image", dict(pag_scale=6.0, pag_adaptive_scale=0.01, **LAYERS), HEUN),
    "ancestral": ("sd1", "text-to-image", dict(pag_scale=3.0, **LAYERS), EULER_A),
    "another autoencoder": ("f4", "text-to-image", dict(pag_scale=5.0, pag_applied_layers=["up", "mid"]), None),
    "image-to-image": ("sd1", "image-to-image", dict(pag_scale=4.0, strength=0.8, **LAYERS), None),
    "inpaint": ("sd1", "inpaint", dict(pag_scale=4.0, strength=0.9, **LAYERS), EULER_A),
}  # fmt: skip

KINDS = {
    "text-to-image": StableDiffusionPAGPipeline,
    "image-to-image": StableDiffusionPAGImg2ImgPipeline,
    "inpaint": StableDiffusionPAGInpaintPipeline,
}
FIELDS = dict(
    pag_scale="pagScale", pag_adaptive_scale="pagAdaptiveScale", pag_applied_layers="pagLayers", guidance_rescale="rescale"
)


class Perturbing(PAGMixin):
    def __init__(self, unet):
        self.unet = unet


def self_attentions(unet):
    return [name for name, m in unet.named_modules() if isinstance(m, Attention) and not m.is_cross_attention]


@torch.no_grad()
def networks():
    record, tensors = {}, {}
    for folder, choices in UNETS.items():
        given = load_file(NETWORKS / folder / "io.safetensors")
        given = {key[3:]: value for key, value in given.items() if key.startswith("in.")}
        cases = []
        for choice in choices:
            layers = choice if isinstance(choice, list) else [choice]
            for texts in (2, 1):
                unet = UNet2DConditionModel.from_pretrained(NETWORKS / folder, torch_dtype=torch.float32).eval()
                host = Perturbing(unet)
                host.set_pag_applied_layers(layers)
                host._set_pag_attn_processor(layers, texts == 2)
                # The last sample twice, as the pipelines have the prompt's.
                rows = lambda x: torch.cat([x[-texts:], x[-1:]])
                inputs = {key: rows(value) for key, value in given.items() if key != "timestep"}
                added = {key: inputs.pop(key) for key in ("text_embeds", "time_ids") if key in inputs}
                output = unet(timestep=torch.tensor(981.0), **inputs, added_cond_kwargs=added or None).sample
                apart = (output[-1] - output[-2]).abs().max() / output.abs().max()
                assert apart > 1e-3, (folder, layers, apart)
                names = [name for name in self_attentions(unet) if "PAG" in type(unet.get_submodule(name).processor).__name__]
                key = f"{folder}.{len(cases)}"
                tensors[key] = output
                cases.append({"layers": layers, "texts": texts, "perturbed": names, "output": key})
                print(f"{key}: {layers}, {len(names)} layers, apart {apart:.4f}")
        record[folder] = {"names": self_attentions(unet), "cases": cases}
    save_file(tensors, NETWORKS / "perturbed.safetensors")
    (NETWORKS / "perturbed.json").write_text(json.dumps(record, indent=2) + "\n")


@torch.no_grad()
def pipelines():
    source = load_file(PIPELINES / "sd1-inputs.safetensors")
    image, mask = (Image.fromarray(source[key].numpy()) for key in ("image", "mask"))
    tensors, cases = {}, []
    for name, (folder, task, options, scheduler) in CASES.items():
        options = dict(options)
        count, layers = options.pop("count", 1), options.pop("pag_applied_layers", "mid")
        pipeline = load(KINDS[task], PIPELINES / folder, scheduler, pag_applied_layers=layers)
        size = pipeline.unet.config.sample_size * pipeline.vae_scale_factor
        inputs = {} if task == "image-to-image" else dict(width=size, height=size)
        if task != "text-to-image":
            inputs |= dict(image=image)
        if task == "inpaint":
            inputs |= dict(mask_image=mask)

        def draw(**changes):
            arguments = dict(guidance_scale=5.0, num_inference_steps=6, output_type="np") | options | inputs | changes
            generator = [torch.Generator().manual_seed(7 + i) for i in range(count)]
            return pipeline(
                PROMPT, negative_prompt=NEGATIVE, num_images_per_prompt=count, generator=generator, **arguments
            ).images

        found, without = draw(), draw(pag_scale=0.0)
        apart = np.abs(found - without).mean() * 255
        print(f"{name}: mean {found.mean():.3f}, spread {found.std():.3f}, {apart:.1f}/255 from none")
        assert apart > 3, name
        tensors[name] = torch.from_numpy(np.ascontiguousarray((found * 255).round().astype(np.uint8)))
        request = {"task": task, "prompt": PROMPT, "negativePrompt": NEGATIVE, "steps": 6, "seed": 7, "count": count}
        request |= {"guidanceScale": options.get("guidance_scale", 5.0)}
        request |= {key: options[key] for key in ("strength",) if key in options}
        guidance = {FIELDS[key]: value for key, value in options.items() if key in FIELDS}
        if layers != "mid":
            guidance["pagLayers"] = layers
        entry = {"name": name, "model": folder, "request": {**request, "guidance": guidance}}
        if scheduler:
            entry["scheduler"] = {"_class_name": scheduler[0], **scheduler[1]}
        cases.append(entry)
    save_file(tensors, PIPELINES / "perturbed.safetensors")
    (PIPELINES / "perturbed.json").write_text(json.dumps(cases, indent=2) + "\n")


if __name__ == "__main__":
    networks()
    pipelines()
