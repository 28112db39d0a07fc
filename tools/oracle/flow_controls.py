"""Writes small random ControlNets for flow models, what their graphs compute, and what diffusers draws with them.

They fit fixtures/families/flux1, qwen-image and z-image. packages/backend-local/fixtures/flow-controls/<name>/ are folders as save_pretrained writes
them; z-image-2.0.published.safetensors is a file as VideoX-Fun published its 2.0, z-image.lora.safetensors a LoRA of layers that ControlNets share; cases.json lists which case takes which, with what; tensors.safetensors
holds `control` (at another size, too), each case's pictures, U8 [count, height, width, 3], and for each network `<name>/in.<input>` and `<name>/out.<output>`.

    python tools/oracle/flow_controls.py [family ...]
"""

import json
import shutil
import sys
from pathlib import Path

import diffusers
import numpy as np
import torch
from controls import control_picture
from diffusers import (
    FluxControlNetModel,
    FluxMultiControlNetModel,
    QwenImageControlNetModel,
    QwenImageMultiControlNetModel,
    SD3ControlNetModel,
    SD3MultiControlNetModel,
    ZImageControlNetModel,
)
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from flow_parts import noise, randomise
from PIL import Image
from pipeline_inputs import picture
from safetensors.torch import load_file, save_file
from saved import load

ROOT = Path(__file__).parents[2] / "packages/backend-local/fixtures"
FOLDER = ROOT / "flow-controls"
PROMPT = "a red apple on a blue background"

FLUX = dict(
    in_channels=64, attention_head_dim=16, num_attention_heads=2, joint_attention_dim=24, pooled_projection_dim=16, axes_dims_rope=(4, 6, 6),
    guidance_embeds=True,
)  # fmt: skip
QWEN = dict(in_channels=64, attention_head_dim=16, num_attention_heads=2, joint_attention_dim=24, axes_dims_rope=(4, 6, 6))
SD3 = dict(
    sample_size=8, attention_head_dim=16, num_attention_heads=2, joint_attention_dim=24, caption_projection_dim=32, pooled_projection_dim=20,
    pos_embed_max_size=12,
)  # fmt: skip
Z = dict(dim=32, n_heads=2, n_kv_heads=2, n_refiner_layers=1)

#: name: (family, network)
NETS = {
    # As Shakker Labs' Union-Pro, and as its 2.0.
    "flux1-union": ("flux1", lambda: FluxControlNetModel(**FLUX, num_layers=1, num_single_layers=1, num_mode=7)),
    "flux1-plain": ("flux1", lambda: FluxControlNetModel(**FLUX, num_layers=1, num_single_layers=0)),
    "qwen-image-union": ("qwen-image", lambda: QwenImageControlNetModel(**QWEN, num_layers=1)),
    "stable-diffusion-3": ("stable-diffusion-3", lambda: SD3ControlNetModel(**SD3, num_layers=1)),
    "z-image-1": ("z-image", lambda: ZImageControlNetModel(**Z, control_layers_places=[0], control_in_dim=16)),
    "z-image-2.0": (
        "z-image",
        lambda: ZImageControlNetModel(
            **Z, control_layers_places=[0, 1], control_refiner_layers_places=[0], control_in_dim=33, add_control_noise_refiner="control_layers"
        ),
    ),
    "z-image-2.1": (
        "z-image",
        lambda: ZImageControlNetModel(
            **Z, control_layers_places=[0], control_refiner_layers_places=[0], control_in_dim=33, add_control_noise_refiner="control_noise_refiner"
        ),
    ),
}  # fmt: skip
MULTI = {"flux1": FluxMultiControlNetModel, "qwen-image": QwenImageMultiControlNetModel, "stable-diffusion-3": SD3MultiControlNetModel}


def flux_values(name, net):
    image, control, text, pooled = noise((1, 10, 64), 4), noise((1, 10, 64), 8), noise((1, 7, 24), 5), noise((1, 16), 6)
    image_ids = torch.cartesian_prod(torch.tensor([0]), torch.arange(2), torch.arange(5))
    text_ids = torch.zeros(7, 3, dtype=torch.long)
    angles = {}
    for key, ids in (("image", image_ids), ("text", text_ids)):
        cos, sin = net.pos_embed(ids)
        angles |= {f"{key}_cos": cos[:, ::2], f"{key}_sin": sin[:, ::2]}
    kind = torch.tensor([[2]]) if net.union else None
    doubles, singles = net(
        image, control, kind, 0.7, text, pooled, torch.tensor([0.35]), image_ids, text_ids, torch.tensor([3.5]), return_dict=False
    )
    inputs = dict(image=image, control=control, text=text, pooled=pooled, **angles, timestep=torch.tensor([350.0]), guidance=torch.tensor([3500.0]))
    inputs |= dict(scale=torch.tensor([0.7]), **({} if kind is None else dict(kind=kind[0])))
    outputs = {f"control.double.{i}": value for i, value in enumerate(doubles)}
    return inputs, outputs | {f"control.single.{i}": value for i, value in enumerate(singles or [])}


def qwen_values(name, net):
    image, control, text = noise((1, 15, 64), 4), noise((1, 15, 64), 8), noise((1, 7, 24), 5)
    made = net(image, control, 0.7, text, None, torch.tensor([0.35]), [[(1, 3, 5)]], return_dict=False)
    angles = {}
    for key, freqs in zip(("image", "text"), net.pos_embed([[(1, 3, 5)]], max_txt_seq_len=7, device=image.device)):
        angles |= {f"{key}_cos": freqs.real, f"{key}_sin": freqs.imag}
    inputs = dict(image=image, control=control, text=text, **angles, timestep=torch.tensor([350.0]), scale=torch.tensor([0.7]))
    return inputs, {f"control.block.{i}": value for i, value in enumerate(made)}


def z_values(name, net):
    """With padding in the picture too."""
    transformer = diffusers.ZImageTransformer2DModel.from_pretrained(ROOT / "families/z-image/transformer", torch_dtype=torch.float32)
    ZImageControlNetModel.from_transformer(net, transformer)
    latent, text = noise((16, 1, 6, 10), 4), noise((9, 24), 5)
    control = noise((net.config.control_in_dim, 1, 6, 10), 8)
    made = net([latent], torch.tensor([0.35]), [text], [control], 0.7)
    rows = lambda value: torch.nn.functional.pad(transformer._patchify_image(value, 2, 1)[0], (0, 0, 0, 17))[None]
    places = torch.cat([transformer.create_coordinate_grid((1, 3, 5), (33, 0, 0)).flatten(0, 2), torch.zeros(17, 3, dtype=torch.int32)])
    image_angles = transformer.rope_embedder(places)
    text_angles = transformer.rope_embedder(torch.tensor([[1 + i, 0, 0] for i in range(32)]))
    inputs = dict(
        image=rows(latent), control=rows(control), image_padding=(torch.arange(32) >= 15)[None, :, None],
        image_cos=image_angles.real, image_sin=image_angles.imag, text=torch.nn.functional.pad(text, (0, 0, 0, 23))[None],
        text_padding=(torch.arange(32) >= 9)[None, :, None], text_cos=text_angles.real, text_sin=text_angles.imag,
        timestep=torch.tensor([350.0]), scale=torch.tensor([0.7]),
    )  # fmt: skip
    return inputs, {f"control.layer.{i}": value for i, value in enumerate(made.values())}


def sd3_values(name, net):
    latent, control, text, pooled = noise((1, 16, 6, 4), 4), noise((1, 16, 6, 4), 8), noise((1, 7, 24), 5), noise((1, 20), 6)
    (made,) = net(latent, control, 0.7, text, pooled, torch.tensor([350.0]), return_dict=False)
    places = torch.tensor([[(4 + y) * 12 + 5 + x for x in range(2)] for y in range(3)], dtype=torch.int32).flatten()
    inputs = dict(sample=latent, control=control, text=text, pooled=pooled, timestep=torch.tensor([350.0]), scale=torch.tensor([0.7]), places=places)
    return inputs, {f"control.block.{i}": value for i, value in enumerate(made)}


VALUES = {"flux1": flux_values, "stable-diffusion-3": sd3_values, "qwen-image": qwen_values, "z-image": z_values}

PAIR = [("flux1-union", dict(control="canny", strength=0.6, end=0.75)), ("flux1-union", dict(control="depth", strength=0.4))]
SCHNELL = {"transformer/config.json": dict(guidance_embeds=False)}
F, F_I2I, F_INPAINT = "FluxControlNetPipeline", "FluxControlNetImg2ImgPipeline", "FluxControlNetInpaintPipeline"
S = "StableDiffusion3ControlNetPipeline"
Q, Q_BASE, Z_NET, Z_BASE = "QwenImageControlNetPipeline", "QwenImagePipeline", "ZImageControlNetPipeline", "ZImagePipeline"
Z_INPAINT = "ZImageControlNetInpaintPipeline"
NEGATIVE = dict(true_cfg_scale=4.0, negative_prompt="blurry photo of a cat")
TRUE = dict(true_cfg_scale=2.5, negative_prompt="blurry photo of a cat")

#: (name, family, pipeline, conditioning, arguments)
CASES = [
    ("flux1-base", "flux1", "FluxPipeline", [], {}),
    ("flux1", "flux1", F, [("flux1-union", dict(control="canny"))], dict(count=2)),
    ("flux1-plain", "flux1", F, [("flux1-plain", dict(strength=0.8))], {}),
    ("flux1-size", "flux1", F, [("flux1-plain", {})], dict(width=96, height=48)),
    ("flux1-window", "flux1", F, [("flux1-union", dict(control="pose", start=0.25, end=0.75))], {}),
    ("flux1-two", "flux1", F, PAIR, {}),
    ("flux1-two-nets", "flux1", F, [("flux1-union", dict(control="tile", strength=0.7)), ("flux1-plain", dict(strength=0.5, start=0.25))], {}),
    ("flux1-negative", "flux1", F, [("flux1-plain", dict(strength=0.7))], TRUE),
    ("flux1-schnell", "flux1", F, [("flux1-plain", dict(strength=0.9))], dict(files=SCHNELL, guidance_scale=1.0, max_sequence_length=256)),
    ("flux1-edit", "flux1", F_I2I, [("flux1-plain", dict(strength=0.7))], dict(strength=0.6, steps=5)),
    ("flux1-inpaint", "flux1", F_INPAINT, [("flux1-plain", dict(strength=0.7))], dict(strength=0.8, steps=5)),
    ("qwen-image-base", "qwen-image", Q_BASE, [], dict(true_cfg_scale=1.0)),
    ("qwen-image", "qwen-image", Q, [("qwen-image-union", dict(control="canny"))], dict(true_cfg_scale=1.0, count=2)),
    ("qwen-image-guided", "qwen-image", Q, [("qwen-image-union", dict(control="depth", strength=0.6))], NEGATIVE),
    ("qwen-image-size", "qwen-image", Q, [("qwen-image-union", dict(control="pose", end=0.5))], dict(true_cfg_scale=1.0, width=96, height=48)),
    ("qwen-image-two", "qwen-image", Q, [("qwen-image-union", dict(control="canny", strength=0.5)), ("qwen-image-union", dict(control="depth", strength=0.4, start=0.5))], NEGATIVE),
    ("sd3-base", "stable-diffusion-3", "StableDiffusion3Pipeline", [], dict(guidance_scale=1.0)),
    ("sd3", "stable-diffusion-3", S, [("stable-diffusion-3", dict(control="canny"))], dict(guidance_scale=1.0, count=2)),
    ("sd3-guided", "stable-diffusion-3", S, [("stable-diffusion-3", dict(control="pose", strength=0.8, end=0.75))], dict(guidance_scale=4.0, negative_prompt="blurry photo of a cat")),
    ("sd3-pooled", "stable-diffusion-3", S, [("stable-diffusion-3", dict(control="pose", config=dict(force_zeros_for_pooled_projection=False)))], dict(guidance_scale=1.0)),
    ("sd3-two", "stable-diffusion-3", S, [("stable-diffusion-3", dict(control="canny", strength=0.9)), ("stable-diffusion-3", dict(control="depth", strength=0.6, start=0.5))], dict(guidance_scale=1.0, width=96, height=48)),
    ("z-image-base", "z-image", Z_BASE, [], dict(guidance_scale=0.0)),
    ("z-image-1", "z-image", Z_NET, [("z-image-1", dict(control="canny", strength=0.75))], dict(guidance_scale=0.0, count=2)),
    ("z-image-1-guided", "z-image", Z_NET, [("z-image-1", dict(control="pose"))], dict(guidance_scale=2.0, negative_prompt="blurry photo of a cat")),
    ("z-image-2.0", "z-image", Z_NET, [("z-image-2.0", dict(control="canny", strength=0.8))], dict(guidance_scale=0.0)),
    ("z-image-2.1", "z-image", Z_NET, [("z-image-2.1", dict(control="depth", strength=0.9))], dict(guidance_scale=0.0)),
    ("z-image-1-lora", "z-image", Z_NET, [("z-image-1", dict(control="canny"))], dict(guidance_scale=0.0, lora="z-image.lora.safetensors")),
    ("z-image-2.1-inpaint", "z-image", Z_INPAINT, [("z-image-2.1", dict(control="canny"))], dict(guidance_scale=0.0)),
    ("z-image-2.1-size", "z-image", Z_NET, [("z-image-2.1", dict(control="depth"))], dict(guidance_scale=1.5, width=96, height=48)),
]  # fmt: skip
SAMPLE = DiagonalGaussianDistribution.sample
MODES = dict(canny=0, tile=1, depth=2, pose=4)


def shown(width, height):
    return Image.fromarray(control_picture()).resize((width, height))


def build(names):
    nets = {}
    for seed, (name, (family, make)) in enumerate(NETS.items()):
        if family not in names:
            continue
        net = randomise(make(), 31 + seed)
        shutil.rmtree(FOLDER / name, ignore_errors=True)
        net.to(torch.bfloat16).save_pretrained(FOLDER / name)
        nets[name] = type(net).from_pretrained(FOLDER / name, torch_dtype=torch.float32)
    if "z-image" in names:
        # The layers that refine were published as zeros.
        published = load_file(FOLDER / "z-image-2.0/diffusion_pytorch_model.safetensors")
        unused = randomise(NETS["z-image-2.1"][1](), 50).control_noise_refiner.state_dict()
        published |= {f"control_noise_refiner.{key}": torch.zeros_like(value, dtype=torch.bfloat16) for key, value in unused.items()}
        save_file(published, FOLDER / "z-image-2.0.published.safetensors")
        save_file(refiners_lora(), FOLDER / "z-image.lora.safetensors")
    return nets


def refiners_lora():
    """A LoRA of the layers that a ControlNet shares, and of another."""
    layers = {"noise_refiner.0.attention.to_q": 32, "noise_refiner.0.feed_forward.w1": 85, "context_refiner.0.attention.to_v": 32, "layers.1.attention.to_q": 32}
    lora = {}
    for i, (layer, rows) in enumerate(layers.items()):
        lora[f"transformer.{layer}.lora_A.weight"] = noise((2, 32), 20 + i) * 0.4
        lora[f"transformer.{layer}.lora_B.weight"] = noise((rows, 2), 40 + i)
    return lora


def draw(nets, name, family, kind, entries, arguments):
    call = dict(steps=4, seed=7, width=64, height=64, count=1, **({"guidance_scale": 3.5} if family == "flux1" else {}))
    call |= {key: value for key, value in arguments.items() if key not in ("files", "lora")}
    files = {path: {**json.loads((ROOT / "families" / family / path).read_text()), **change} for path, change in arguments.get("files", {}).items()}
    options = {}
    chosen = [nets[net] for net, _ in entries]
    two = len(chosen) == 2
    if chosen:
        of_one = {net for net, _ in entries}
        together = len(of_one) == 1 and family != "stable-diffusion-3"
        options["controlnet"] = chosen[0] if not two else MULTI[family](chosen[:1] if together else chosen)
        if family == "stable-diffusion-3":
            for net, (_, entry) in zip(chosen, entries):
                net.register_to_config(**{"force_zeros_for_pooled_projection": True, **entry.get("config", {})})
    pipeline = load(getattr(diffusers, kind), ROOT / "families" / family, files=files, **options)
    if "lora" in arguments:
        pipeline.load_lora_weights(FOLDER, weight_name=arguments["lora"], adapter_name="own")
    steps, seed, count = (call.pop(key) for key in ("steps", "seed", "count"))
    task = "inpaint" if "Inpaint" in kind else "image-to-image" if "Img2Img" in kind else "text-to-image"
    request = dict(steps=steps, seed=seed, count=count, task=task, **{key: call[key] for key in ("width", "height")})
    request |= {ours: call[key] for key, ours in (("guidance_scale", "guidanceScale"), ("strength", "strength"), ("negative_prompt", "negativePrompt")) if key in call}
    if "true_cfg_scale" in call:
        own = dict(backendOptions={"local": {"trueCfgScale": call["true_cfg_scale"]}}) if family == "flux1" else dict(guidanceScale=call["true_cfg_scale"])
        request |= own
    if chosen:
        one = lambda values: values if two else values[0]
        per = lambda key, default: [entry.get(key, default) for _, entry in entries]
        call |= dict(control_image=one([shown(call["width"], call["height"])] * len(chosen)), controlnet_conditioning_scale=one(per("strength", 1.0)))
        if family != "z-image":
            call |= dict(control_guidance_start=per("start", 0.0), control_guidance_end=per("end", 1.0))
        if family == "flux1":
            modes = [MODES[entry["control"]] if getattr(nets[net], "union") else None for net, entry in entries]
            call |= dict(control_mode=one(modes))
    image, mask = picture()
    if task != "text-to-image":
        call |= dict(image=Image.fromarray(image))
    if task == "inpaint":
        call |= dict(mask_image=Image.fromarray(mask))
    if family == "stable-diffusion-3":
        # Its pipeline draws from the picture's distribution by no seed.
        DiagonalGaussianDistribution.sample = lambda own, generator=None: own.mode()
    generators = [torch.Generator().manual_seed(seed + i) for i in range(count)]
    result = pipeline(
        prompt=PROMPT, **call, num_inference_steps=steps, num_images_per_prompt=count, generator=generators if count > 1 else generators[0],
        output_type="np",
    ).images  # fmt: skip
    DiagonalGaussianDistribution.sample = SAMPLE
    pixels = torch.from_numpy(np.ascontiguousarray((result * 255).round().astype(np.uint8)))
    print(f"{name}: {list(pixels.shape)}, mean {result.mean():.3f}, spread {result.std():.3f}", flush=True)
    conditioning = [dict(model=net, control=entry.get("control", "canny"), **{k: v for k, v in entry.items() if k != "control"}) for net, entry in entries]
    more = {"files": files} if files else {}
    if "lora" in arguments:
        pipeline.unload_lora_weights()
        more["lora"] = arguments["lora"]
    return pixels, dict(name=name, family=family, request=dict(prompt=PROMPT, **request), conditioning=conditioning, **more)


@torch.no_grad()
def main(names):
    FOLDER.mkdir(exist_ok=True)
    listed, tensors = [], {"control": torch.from_numpy(control_picture()), "control-96x48": torch.from_numpy(np.array(shown(96, 48)))}
    if (FOLDER / "cases.json").exists():
        kept = [case for case in json.loads((FOLDER / "cases.json").read_text()) if case["family"] not in names]
        had = load_file(FOLDER / "tensors.safetensors")
        others = [name for name, (family, _) in NETS.items() if family not in names]
        tensors |= {key: value for key, value in had.items() if key in [case["name"] for case in kept] or key.split("/")[0] in others}
        listed = kept
    nets = build(names)
    for name, (family, _) in NETS.items():
        if family in names:
            inputs, outputs = VALUES[family](name, nets[name])
            tensors |= {f"{name}/in.{key}": value.contiguous() for key, value in inputs.items()}
            tensors |= {f"{name}/out.{key}": value.contiguous() for key, value in outputs.items()}
    for name, family, *rest in CASES:
        if family not in names:
            continue
        tensors[name], case = draw(nets, name, family, *rest)
        listed.append(case)
    save_file(tensors, FOLDER / "tensors.safetensors")
    (FOLDER / "cases.json").write_text(json.dumps(listed, indent=2) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:] or list(VALUES))
