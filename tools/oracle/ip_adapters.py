"""Writes small random IP-Adapters and image encoders for fixtures/pipelines/sd1 and fixtures/families/sdxl, and what diffusers draws with them.

packages/backend-local/fixtures/ip-adapters/<name>.safetensors are adapters in their authors' naming, image_encoder/ the encoder; cases.json lists
which case takes which, with what; images.safetensors holds the pictures that are given and each case's, U8 [height, width, 3].

    python tools/oracle/ip_adapters.py
"""

import json
import shutil
from pathlib import Path

import diffusers
import numpy as np
import torch
from diffusers import ControlNetModel, UNet2DConditionModel
from diffusers.image_processor import IPAdapterMaskProcessor
from networks import randomise
from PIL import Image
from pipeline_inputs import picture
from safetensors.torch import save_file
from saved import load
from transformers import CLIPImageProcessor, CLIPVisionConfig, CLIPVisionModelWithProjection

ROOT = Path(__file__).parents[2] / "packages/backend-local/fixtures"
FOLDER = ROOT / "ip-adapters"
MODELS = {"sd1": ROOT / "pipelines/sd1", "sdxl": ROOT / "families/sdxl"}
TEXT = dict(prompt="a red apple on a blue background", negative_prompt="blurry")
VISION = dict(hidden_size=24, intermediate_size=32, projection_dim=20, num_hidden_layers=3, num_attention_heads=2, image_size=32, patch_size=8, hidden_act="gelu")
GENERATOR = torch.Generator().manual_seed(5)


def randn(*shape, std=0.3):
    return (torch.randn(shape, generator=GENERATOR) * std).half().float()


def cross_attentions(unet):
    names = [name for name in unet.attn_processors]
    blocks = [name for part in ("down_blocks", "up_blocks", "mid_block") for name in names if name.startswith(part)]
    return [unet.get_submodule(name.removesuffix(".processor")) for name in blocks if ".attn2." in name]


def adapter(unet, plus, inner=64, tokens=5):
    width = unet.config.cross_attention_dim
    if plus:
        proj = {"latents": randn(1, tokens, inner), "proj_in.weight": randn(inner, 24), "proj_in.bias": randn(inner), "proj_out.weight": randn(width, inner), "proj_out.bias": randn(width)}
        norms = [("norm_out", width)]
        for i in range(4):
            norms += [(f"layers.{i}.0.norm1", inner), (f"layers.{i}.0.norm2", inner), (f"layers.{i}.1.0", inner)]
            proj |= {f"layers.{i}.0.to_q.weight": randn(inner, inner), f"layers.{i}.0.to_kv.weight": randn(2 * inner, inner), f"layers.{i}.0.to_out.weight": randn(inner, inner)}
            proj |= {f"layers.{i}.1.1.weight": randn(4 * inner, inner), f"layers.{i}.1.3.weight": randn(inner, 4 * inner)}
    else:
        proj, norms = {"proj.weight": randn(4 * width, 20, std=1), "proj.bias": randn(4 * width)}, [("norm", width)]
    for name, size in norms:
        proj |= {f"{name}.weight": 1 + randn(size), f"{name}.bias": randn(size)}
    layers = {}
    for i, attention in enumerate(cross_attentions(unet)):
        for part in ("k", "v"):
            layers[f"{2 * i + 1}.to_{part}_ip.weight"] = randn(attention.to_q.out_features, width, std=0.8)
    rounded = lambda tensors: {name: value.half().float() for name, value in tensors.items()}
    return {"image_proj": rounded(proj), "ip_adapter": rounded(layers)}


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    encoder = randomise(CLIPVisionModelWithProjection(CLIPVisionConfig(**VISION)), 21, torch.float16)
    encoder.half().save_pretrained(FOLDER / "image_encoder")
    encoder = encoder.float()
    adapters = {}
    for model in MODELS:
        unet = UNet2DConditionModel.from_pretrained(MODELS[model] / "unet")
        kinds = {model: dict(plus=False), f"{model}-plus": dict(plus=True)}
        # Plus-face is Plus, of more vectors and heads here.
        kinds |= {} if model == "sdxl" else {f"{model}-plus-face": dict(plus=True, inner=128, tokens=16)}
        for name, options in kinds.items():
            adapters[name] = adapter(unet, **options)
            flat = {f"{part}.{key}": value.half().contiguous() for part, tensors in adapters[name].items() for key, value in tensors.items()}
            save_file(flat, FOLDER / f"{name}.safetensors")
    image, mask = picture()
    y, x = np.mgrid[0:40, 0:56]
    first = np.stack([255 - x * 4, y * 6, (x * y) % 256], -1).astype(np.uint8)
    images = {name: torch.from_numpy(value.copy()) for name, value in (("first", first), ("second", image), ("image", image), ("mask", mask))}
    shown = {"first": Image.fromarray(first), "second": Image.fromarray(image)}
    cases = []

    def draw(name, model, groups, kind="", task="text-to-image", masks=None, window=None, control=None, lora=None):
        """`groups`: for each adapter its name, its pictures and its strength. A `window` is the first step that it acts in, and the first after."""
        xl = "XL" if model == "sdxl" else ""
        processor = CLIPImageProcessor(size=VISION["image_size"], crop_size=VISION["image_size"])
        options = {} if xl else dict(requires_safety_checker=False)
        if control:
            options["controlnet"] = ControlNetModel.from_pretrained(ROOT / "controls" / control, torch_dtype=torch.float32)
        pipeline = load(getattr(diffusers, f"StableDiffusion{xl}{kind}Pipeline"), MODELS[model], image_encoder=encoder, feature_extractor=processor, **options)
        dicts = [{part: dict(tensors) for part, tensors in adapters[net].items()} for net, _, _ in groups]
        pipeline.load_ip_adapter(dicts, subfolder=[""] * len(dicts), weight_name=[""] * len(dicts), image_encoder_folder=None)
        pipeline.set_ip_adapter_scale([strength for _, _, strength in groups])
        call = dict(**TEXT, num_inference_steps=4, guidance_scale=5.0, generator=torch.Generator().manual_seed(3), output_type="np")
        call |= dict(ip_adapter_image=[[shown[p] for p in pictures] for _, pictures, _ in groups])
        if lora:
            pipeline.load_lora_weights(ROOT / "loras" / f"{lora}.safetensors", adapter_name="style")
            pipeline.set_adapters(["style"], [0.8])
        call |= dict(width=64, height=64) if task == "text-to-image" else dict(image=Image.fromarray(image), strength=0.8)
        if task == "inpaint":
            call |= dict(mask_image=Image.fromarray(mask), width=64, height=64)
        if control:
            call["image" if task == "text-to-image" else "control_image"] = shown["second"]
            call["controlnet_conditioning_scale"] = 0.7
        if window:
            strengths = [strength for _, _, strength in groups]
            acts = lambda step: strengths if window[0] <= step < window[1] else [0.0] * len(groups)
            pipeline.set_ip_adapter_scale(acts(0))

            def after(pipe, step, time, values):
                pipe.set_ip_adapter_scale(acts(step + 1))
                return values

            call["callback_on_step_end"] = after
        entries = [dict(model=net, image=p, strength=strength) for net, pictures, strength in groups for p in pictures]
        if masks:
            sides = [mask, 255 - mask]
            made = IPAdapterMaskProcessor().preprocess([Image.fromarray(each[..., 0]) for each in sides[: len(entries)]], height=64, width=64)
            call["cross_attention_kwargs"] = {"ip_adapter_masks": [made.reshape(1, made.shape[0], 64, 64)] if len(groups) == 1 else [m[None] for m in made]}
            entries = [dict(**entry, mask=["mask", "inverse"][i]) for i, entry in enumerate(entries)]
        result = pipeline(**call).images[0]
        images[name] = torch.from_numpy(np.ascontiguousarray((result * 255).round().astype(np.uint8)))
        if window:
            entries = [dict(**entry, start=window[0] / 4, end=window[1] / 4) for entry in entries]
        beside = {key: value for key, value in (("control", control), ("lora", lora)) if value}
        cases.append(dict(name=name, model=model, task=task, conditioning=entries, **beside))
        save_file(images, FOLDER / "images.safetensors")
        (FOLDER / "cases.json").write_text(json.dumps(cases, indent=2) + "\n")
        print(name, round(float(result.mean()), 3), round(float(result.std()), 3), flush=True)

    draw("sd1", "sd1", [("sd1", ["first"], 1.0)])
    draw("sd1-plus", "sd1", [("sd1-plus", ["first"], 0.7)])
    draw("sdxl", "sdxl", [("sdxl", ["first"], 0.9)])
    draw("sdxl-plus", "sdxl", [("sdxl-plus", ["first"], 0.8)])
    draw("sd1-several", "sd1", [("sd1", ["first", "second"], 0.9)])
    draw("sd1-two", "sd1", [("sd1", ["first"], 0.8), ("sd1-plus", ["second"], 0.5)])
    draw("sd1-plus-face", "sd1", [("sd1-plus-face", ["first"], 0.7)])
    draw("sd1-edit", "sd1", [("sd1", ["first"], 1.0)], "Img2Img", "image-to-image")
    draw("sd1-plus-edit", "sd1", [("sd1-plus", ["first"], 0.7)], "Img2Img", "image-to-image")
    draw("sd1-inpaint", "sd1", [("sd1", ["first"], 1.0)], "Inpaint", "inpaint")
    draw("sdxl-edit", "sdxl", [("sdxl", ["first"], 0.9)], "Img2Img", "image-to-image")
    draw("sd1-mask", "sd1", [("sd1", ["first", "second"], 0.9)], masks=True)
    draw("sdxl-plus-mask", "sdxl", [("sdxl-plus", ["first", "second"], 0.9)], masks=True)
    draw("sd1-window", "sd1", [("sd1", ["first"], 1.0)], window=(1, 3))
    # Beside a ControlNet, a LoRA, and both.
    draw("sd1-control", "sd1", [("sd1", ["first"], 0.8)], "ControlNet", control="sd1-a")
    draw("sd1-lora", "sd1", [("sd1", ["first"], 0.8)], lora="peft")
    draw("sd1-all", "sd1", [("sd1", ["first"], 0.8)], "ControlNet", control="sd1-a", lora="peft")
    draw("sd1-all-edit", "sd1", [("sd1", ["first"], 0.8)], "ControlNetImg2Img", "image-to-image", control="sd1-a", lora="peft")
    draw("sd1-all-inpaint", "sd1", [("sd1", ["first"], 0.8)], "ControlNetInpaint", "inpaint", control="sd1-a", lora="peft")
    draw("sdxl-control", "sdxl", [("sdxl", ["first"], 0.8)], "ControlNet", control="sdxl")


if __name__ == "__main__":
    main()
