"""Writes small random ControlNets, unions of them and T2I-Adapters, and what diffusers draws with them.

They fit fixtures/pipelines/sd1, fixtures/pipelines/sd2 and fixtures/families/sdxl. packages/backend-local/fixtures/controls/<name>/ are folders
as save_pretrained writes them; <name>.original.safetensors the same in the original naming; cases.json lists which case takes which, with what;
images.safetensors holds `control`, `image`, `mask` and each case's picture, U8 [height, width, 3].

    python tools/oracle/controls.py [case ...]
"""

import json
import shutil
import sys
from pathlib import Path

import diffusers
import numpy as np
import torch
from diffusers import ControlNetModel, ControlNetUnionModel, MultiAdapter, MultiControlNetModel, T2IAdapter, UNet2DConditionModel
from networks import randomise
from PIL import Image
from pipeline_inputs import picture
from safetensors.torch import load_file, save_file
from saved import load

ROOT = Path(__file__).parents[2] / "packages/backend-local/fixtures"
FOLDER = ROOT / "controls"
MODELS = {"sd1": ROOT / "pipelines/sd1", "sd2": ROOT / "pipelines/sd2", "sdxl": ROOT / "families/sdxl", "sd1-inpaint": ROOT / "families/sd1-inpaint"}
TEXT = dict(prompt="a red apple on a blue background", negative_prompt="blurry")


def control_picture():
    """Light lines on dark, and colours, so that the order of channels is seen."""
    y, x = np.mgrid[0:64, 0:64]
    image = np.zeros((64, 64, 3), np.uint8)
    image[(x + y) % 16 < 3] = (255, 255, 255)
    image[(x - 40) ** 2 + (y - 30) ** 2 < 120] = (200, 60, 20)
    return image


def strong(net, seed, factor=1):
    """Random weights, the zero convolutions among them, that change a picture well and don't drown it."""
    randomise(net, seed, torch.float16)
    for name, weight in net.named_parameters():
        if name.startswith("controlnet_cond_embedding") and weight.dim() > 1:
            # As wide as other convolutions' weights.
            weight.data = (weight * 2 / weight[0].numel() ** 0.5).half().float()
        if name.startswith(("controlnet_down_blocks", "controlnet_mid_block")) and name.endswith("weight"):
            weight.data = (weight * factor).half().float()
    return net


def strong_adapter(net, seed):
    randomise(net, seed, torch.float16)
    for name, weight in net.named_parameters():
        if "in_conv" in name or "conv_in" in name:
            weight.data = (weight * 3).half().float()
    return net


def original_names(net, unet_blocks):
    """A ControlNet's tensors under the names of lllyasviel's own code."""
    resnet = {"norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1", "norm2": "out_layers.0", "conv2": "out_layers.3", "conv_shortcut": "skip_connection"}
    layers = net.config.layers_per_block
    out = {}
    for name, tensor in net.state_dict().items():
        parts = name.split(".")
        if name.startswith("time_embedding."):
            new = name.replace("time_embedding.linear_1", "time_embed.0").replace("time_embedding.linear_2", "time_embed.2")
        elif name.startswith("conv_in."):
            new = f"input_blocks.0.0.{parts[-1]}"
        elif name.startswith("controlnet_cond_embedding."):
            at = 0 if parts[1] == "conv_in" else 2 + 2 * int(parts[2]) if parts[1] == "blocks" else 2 + 2 * len(net.controlnet_cond_embedding.blocks)
            new = f"input_hint_block.{at}.{parts[-1]}"
        elif name.startswith("controlnet_down_blocks."):
            new = f"zero_convs.{parts[1]}.0.{parts[-1]}"
        elif name.startswith("controlnet_mid_block."):
            new = f"middle_block_out.0.{parts[-1]}"
        elif name.startswith("mid_block.attentions."):
            new = "middle_block.1." + ".".join(parts[3:])
        elif name.startswith("mid_block.resnets."):
            new = f"middle_block.{2 * int(parts[2])}.{resnet[parts[3]]}.{parts[-1]}"
        else:
            first = 1 + int(parts[1]) * (layers + 1)
            if parts[2] == "downsamplers":
                new = f"input_blocks.{first + layers}.0.op.{parts[-1]}"
            elif parts[2] == "resnets":
                new = f"input_blocks.{first + int(parts[3])}.0.{resnet[parts[4]]}.{parts[-1]}"
            else:
                new = f"input_blocks.{first + int(parts[3])}.1." + ".".join(parts[4:])
        out[f"control_model.{new}"] = tensor.contiguous().half()
    return out


def build():
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    nets = {}

    def save(name, net):
        net.half().save_pretrained(FOLDER / name)
        nets[name] = net.float()

    small = dict(conditioning_embedding_out_channels=(4, 4, 8, 8))
    for name, seed in (("sd1-a", 11), ("sd1-b", 12)):
        unet = UNet2DConditionModel.from_pretrained(MODELS["sd1"] / "unet")
        save(name, strong(ControlNetModel.from_unet(unet, load_weights_from_unet=False, **small), seed))
    save_file(original_names(nets["sd1-a"], None), FOLDER / "sd1-a.original.safetensors")
    bgr = ControlNetModel.from_unet(UNet2DConditionModel.from_pretrained(MODELS["sd1"] / "unet"), load_weights_from_unet=False, controlnet_conditioning_channel_order="bgr", **small)
    bgr.register_to_config(global_pool_conditions=True)
    save("sd1-pooled", strong(bgr, 13))
    save("sd2", strong(ControlNetModel.from_unet(UNet2DConditionModel.from_pretrained(MODELS["sd2"] / "unet"), load_weights_from_unet=False, **small), 14))
    xl = UNet2DConditionModel.from_pretrained(MODELS["sdxl"] / "unet")
    save("sdxl", strong(ControlNetModel.from_unet(xl, load_weights_from_unet=False, **small), 15))
    union = dict(
        block_out_channels=xl.config.block_out_channels, down_block_types=xl.config.down_block_types, layers_per_block=xl.config.layers_per_block,
        norm_num_groups=xl.config.norm_num_groups, cross_attention_dim=xl.config.cross_attention_dim, attention_head_dim=xl.config.attention_head_dim,
        transformer_layers_per_block=xl.config.transformer_layers_per_block, use_linear_projection=True, addition_embed_type="text_time",
        addition_time_embed_dim=xl.config.addition_time_embed_dim, projection_class_embeddings_input_dim=xl.config.projection_class_embeddings_input_dim,
        num_control_type=8, num_trans_channel=xl.config.block_out_channels[0], num_trans_head=2, num_trans_layer=1, num_proj_channel=xl.config.block_out_channels[0], **small,
    )  # fmt: skip
    save("sdxl-union", strong(ControlNetUnionModel(**union), 16))
    adapter = dict(in_channels=3, num_res_blocks=1)
    sd1 = json.loads((MODELS["sd1"] / "unet/config.json").read_text())["block_out_channels"]
    save("t2i-full", randomise(T2IAdapter(**adapter, channels=sd1, downscale_factor=8, adapter_type="full_adapter"), 17, torch.float16))
    sd2 = json.loads((MODELS["sd2"] / "unet/config.json").read_text())["block_out_channels"]
    light = T2IAdapter(**adapter, channels=sd2[:-1], downscale_factor=8, adapter_type="light_adapter")
    save("t2i-light", strong_adapter(light, 18))
    # XL's is for a UNet of three levels, the first without attention.
    deep = {**xl.config, "block_out_channels": (8, 16, 16), "norm_num_groups": 4, "attention_head_dim": (1, 2, 4), "transformer_layers_per_block": (1, 1, 2)}
    deep |= {"down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"), "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D")}
    save("sdxl-unet", randomise(UNet2DConditionModel.from_config(deep), 19, torch.float16))
    for_xl = T2IAdapter(**adapter, channels=[8, 16, 16, 16], downscale_factor=16, adapter_type="full_adapter_xl")
    save("t2i-xl", strong_adapter(for_xl, 20))
    return nets


def main(only):
    """Writes all of it, or these cases alone, of the networks that were written before."""
    nets = {"sd1-a": ControlNetModel.from_pretrained(FOLDER / "sd1-a", torch_dtype=torch.float32)} if only else build()
    image, mask = picture()
    given = control_picture()
    images = {"control": torch.from_numpy(given), "image": torch.from_numpy(image), "mask": torch.from_numpy(mask)}
    cases = []
    if only:
        images = load_file(FOLDER / "images.safetensors")
        cases = [case for case in json.loads((FOLDER / "cases.json").read_text()) if case["name"] not in only]

    def draw(name, model, entries, kind, task="text-to-image", seed=3, size=(64, 64), unet=None):
        """`entries`: (net's name, options of the request's conditioning)."""
        if only and name not in only:
            return
        pipeline_kind = getattr(diffusers, kind)
        chosen = [nets[net] for net, _ in entries]
        is_union, is_adapter = "Union" in kind, "Adapter" in kind
        options = dict(requires_safety_checker=False) if model.startswith("sd1") or model == "sd2" else {}
        if unet:
            options["unet"] = nets[unet]
        if is_adapter:
            options["adapter"] = chosen[0] if len(chosen) == 1 else MultiAdapter(chosen)
        elif entries:
            options["controlnet"] = chosen[0] if is_union or len(chosen) == 1 else MultiControlNetModel(chosen)
        pipeline = load(pipeline_kind, MODELS[model], **options)
        height, width = size
        shown = Image.fromarray(given).resize((width, height))
        per = lambda key, default: [entry.get(key, default) for _, entry in entries]
        one = lambda values: values[0] if len(values) == 1 and not is_union else values
        call = dict(**TEXT, num_inference_steps=5, guidance_scale=5.0, generator=torch.Generator().manual_seed(seed), output_type="np")
        if task == "text-to-image":
            call |= dict(width=width, height=height)
        else:
            call |= dict(image=Image.fromarray(image), strength=0.7)
        if task == "inpaint":
            call |= dict(mask_image=Image.fromarray(mask), width=64, height=64)
        if is_adapter:
            call |= dict(image=one([shown] * len(entries)), adapter_conditioning_scale=one(per("strength", 1.0)))
        elif entries:
            call["image" if task == "text-to-image" and not is_union else "control_image"] = one([shown] * len(entries))
            call |= dict(controlnet_conditioning_scale=one(per("strength", 1.0)))
            if is_union:
                call |= dict(control_mode=[entry["mode"] for _, entry in entries])
            call |= dict(control_guidance_start=one(per("start", 0.0)), control_guidance_end=one(per("end", 1.0)))
            if any(per("guessMode", False)):
                call |= dict(guess_mode=True)
        result = pipeline(**call).images[0]
        images[name] = torch.from_numpy(np.ascontiguousarray((result * 255).round().astype(np.uint8)))
        conditioning = [dict(model=net, **{k: v for k, v in entry.items() if k != "mode"}) for net, entry in entries]
        sides = {"width": width, "height": height} if task == "text-to-image" else {}
        cases.append(dict(name=name, model=model, task=task, conditioning=conditioning, seed=seed, **sides, **({"unet": unet} if unet else {})))
        save_file(images, FOLDER / "images.safetensors")
        (FOLDER / "cases.json").write_text(json.dumps(cases, indent=2) + "\n")
        print(name, round(float(result.mean()), 3), round(float(result.std()), 3), flush=True)

    plain = "StableDiffusion{}Pipeline"
    draw("sd1-base", "sd1", [], plain.format(""))
    draw("sd2-base", "sd2", [], plain.format(""))
    draw("sdxl-base", "sdxl", [], plain.format("XL"))
    net = "StableDiffusion{}ControlNet{}Pipeline"
    draw("sd1", "sd1", [("sd1-a", {})], net.format("", ""))
    draw("sd1-size", "sd1", [("sd1-a", dict(strength=0.8))], net.format("", ""), size=(40, 72))
    draw("sd1-window", "sd1", [("sd1-a", dict(start=0.2, end=0.6))], net.format("", ""))
    draw("sd1-two", "sd1", [("sd1-a", dict(strength=0.7, end=0.6)), ("sd1-b", dict(strength=0.5))], net.format("", ""))
    draw("sd1-guess", "sd1", [("sd1-a", dict(guessMode=True))], net.format("", ""))
    draw("sd1-pooled", "sd1", [("sd1-pooled", {})], net.format("", ""))
    draw("sd1-edit", "sd1", [("sd1-a", dict(strength=0.9))], net.format("", "Img2Img"), "image-to-image")
    draw("sd1-inpaint", "sd1", [("sd1-a", dict(strength=0.9))], net.format("", "Inpaint"), "inpaint")
    # A UNet of 9 channels beside a ControlNet of 4.
    draw("sd1-nine", "sd1-inpaint", [("sd1-a", dict(strength=0.9))], net.format("", "Inpaint"), "inpaint")
    draw("sd2", "sd2", [("sd2", {})], net.format("", ""))
    draw("sdxl", "sdxl", [("sdxl", dict(strength=0.9))], net.format("XL", ""))
    draw("sdxl-edit", "sdxl", [("sdxl", dict(strength=0.9))], net.format("XL", "Img2Img"), "image-to-image")
    draw("sdxl-inpaint", "sdxl", [("sdxl", dict(strength=0.9))], net.format("XL", "Inpaint"), "inpaint")
    draw("sdxl-union", "sdxl", [("sdxl-union", dict(strength=0.9, control="canny", mode=3))], "StableDiffusionXLControlNetUnionPipeline")
    draw("sdxl-union-depth", "sdxl", [("sdxl-union", dict(strength=0.9, control="depth", mode=1))], "StableDiffusionXLControlNetUnionPipeline")
    two = [("sdxl-union", dict(strength=0.9, control="canny", mode=3)), ("sdxl-union", dict(strength=0.4, control="pose", mode=0))]
    draw("sdxl-union-two", "sdxl", two, "StableDiffusionXLControlNetUnionPipeline")
    draw("t2i-full", "sd1", [("t2i-full", dict(strength=0.8))], "StableDiffusionAdapterPipeline")
    draw("sdxl-union-edit", "sdxl", [("sdxl-union", dict(strength=0.9, control="tile", mode=6))], "StableDiffusionXLControlNetUnionImg2ImgPipeline", "image-to-image")
    draw("sdxl-union-inpaint", "sdxl", [("sdxl-union", dict(strength=0.9, control="inpaint", mode=7))], "StableDiffusionXLControlNetUnionInpaintPipeline", "inpaint")
    draw("sd2-light", "sd2", [("t2i-light", dict(strength=0.8))], "StableDiffusionAdapterPipeline")
    draw("sdxl-deep-base", "sdxl", [], plain.format("XL"), unet="sdxl-unet")
    draw("sdxl-t2i", "sdxl", [("t2i-xl", dict(strength=0.8))], "StableDiffusionXLAdapterPipeline", unet="sdxl-unet")
    draw("t2i-two", "sd1", [("t2i-full", dict(strength=0.8)), ("t2i-full", dict(strength=0.4))], "StableDiffusionAdapterPipeline")


if __name__ == "__main__":
    main(sys.argv[1:])
