"""Writes small random LoRAs for the folders fixtures/pipelines/sd1 and fixtures/families/sdxl, and what the reference draws with them.

packages/backend-local/fixtures/loras/<name>.safetensors are the LoRAs; cases.json lists which case takes which, at which strengths;
images.safetensors holds each case's picture, U8 [height, width, 3]. What diffusers reads right is drawn by its own loader;
what it doesn't (kohya's DoRA, alphas that differ among layers, LoHa, LoKr) by weights that are merged here after the papers' formulas,
in the folder's own pipeline.

    python tools/oracle/loras.py
"""

import json
import shutil
from pathlib import Path

import numpy as np
import torch
from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline
from safetensors.torch import save_file
from saved import load

ROOT = Path(__file__).parents[2] / "packages/backend-local/fixtures"
FOLDER = ROOT / "loras"
MODELS = {"sd1": (StableDiffusionPipeline, ROOT / "pipelines/sd1"), "sdxl": (StableDiffusionXLPipeline, ROOT / "families/sdxl")}
PROMPT = dict(prompt="a red apple on a blue background", negative_prompt="blurry")
GENERATOR = torch.Generator()


def randn(*shape, std=1.0):
    return torch.randn(shape, generator=GENERATOR) * std


def modules(model, pattern=lambda name: True):
    kinds = (torch.nn.Linear, torch.nn.Conv2d)
    return [(name, module) for name, module in model.named_modules() if isinstance(module, kinds) and pattern(name)]


def attention(name):
    return "attn" in name and name.split(".")[-1] != "proj"


def plain(module, rank, std=0.4):
    """down and up of a layer's own shape."""
    weight = module.weight
    kernel = weight.shape[2:]
    down = randn(rank, weight.shape[1], *kernel, std=std)
    up = randn(weight.shape[0], rank, *(1 for _ in kernel), std=std)
    return down, up


def merge(module, delta):
    module.weight.data += delta.reshape(module.weight.shape)


def kohya(prefix, name):
    return f"{prefix}_{name.replace('.', '_')}"


def original_xl(name, levels=2, layers=1):
    """A block of the tiny SDXL UNet under the original code's names, as kohya's files have it."""
    parts = name.split(".")
    if parts[0] == "down_blocks" and parts[2] == "attentions":
        return ".".join([f"input_blocks.{1 + int(parts[1]) * (layers + 1) + int(parts[3])}.1", *parts[4:]])
    if parts[0] == "up_blocks" and parts[2] == "attentions":
        return ".".join([f"output_blocks.{int(parts[1]) * (layers + 1) + int(parts[3])}.1", *parts[4:]])
    if parts[0] == "mid_block" and parts[1] == "attentions":
        return ".".join(["middle_block.1", *parts[3:]])
    raise ValueError(name)


def text_encoders(pipeline):
    found = [("te", pipeline.text_encoder)]
    if getattr(pipeline, "text_encoder_2", None) is not None:
        found = [("te1", pipeline.text_encoder), ("te2", pipeline.text_encoder_2)]
    return found


def text_name(name):
    return name if name.startswith("text_model.") else f"text_model.{name}"


class Case:
    """Draws with what was merged; puts the weights back after."""

    def __init__(self):
        self.cases, self.images = [], {}

    def draw(self, name, model, loras, pipeline, **fields):
        result = pipeline(
            **PROMPT, num_inference_steps=5, guidance_scale=5.0, width=64, height=64,
            generator=torch.Generator().manual_seed(3), output_type="np",
        ).images[0]  # fmt: skip
        self.images[name] = torch.from_numpy(np.ascontiguousarray((result * 255).round().astype(np.uint8)))
        self.cases.append({"name": name, "model": model, "loras": loras, **fields})
        print(name, round(float(result.mean()), 3), round(float(result.std()), 3))


def fresh(name):
    kind, folder = MODELS[name]
    pipeline = load(kind, folder)
    return pipeline


def write(name, tensors, metadata=None):
    save_file({key: value.contiguous().half() for key, value in tensors.items()}, FOLDER / f"{name}.safetensors", metadata)
    return {key: value.half().float() for key, value in tensors.items()}


@torch.no_grad()
def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    GENERATOR.manual_seed(1)
    out = Case()
    pipeline = fresh("sd1")
    out.draw("base", "sd1", [], pipeline)

    # kohya: linear and convolution, alphas that differ, the text encoder with a strength of its own.
    tensors = {}
    layers = []
    for i, (name, module) in enumerate(modules(pipeline.unet, lambda n: attention(n) or "resnets" in n or "ff.net" in n or "proj_" in n or "samplers" in n)):
        if "time_emb" in name:
            continue
        down, up = plain(module, 3)
        tensors |= {f"{kohya('lora_unet', name)}.{k}": v for k, v in (("lora_down.weight", down), ("lora_up.weight", up), ("alpha", torch.tensor(1.0 + i % 3)))}
        layers.append(("unet", name))
    for name, module in modules(pipeline.text_encoder):
        down, up = plain(module, 2)
        key = kohya("lora_te", text_name(name))
        tensors |= {f"{key}.lora_down.weight": down, f"{key}.lora_up.weight": up, f"{key}.alpha": torch.tensor(2.0)}
        layers.append(("te", name))
    stored = write("kohya", tensors)

    def merge_kohya(pipeline, strength, text_strength):
        for target, name in layers:
            model = pipeline.unet if target == "unet" else pipeline.text_encoder
            key = kohya("lora_unet", name) if target == "unet" else kohya("lora_te", text_name(name))
            down, up, alpha = (stored[f"{key}.{k}"] for k in ("lora_down.weight", "lora_up.weight", "alpha"))
            delta = up.flatten(1) @ down.flatten(1)
            merge(dict(model.named_modules())[name], delta * (strength if target == "unet" else text_strength) * alpha / down.shape[0])

    merge_kohya(pipeline, 0.8, 0.8)
    out.draw("kohya", "sd1", [{"model": "kohya", "strength": 0.8}], pipeline)
    pipeline = fresh("sd1")
    merge_kohya(pipeline, -0.5, 1.0)
    out.draw("kohya-negative", "sd1", [{"model": "kohya", "strength": -0.5, "textEncoderStrength": 1}], pipeline)

    # PEFT's naming as diffusers saves it, alpha in the metadata; read by diffusers.
    pipeline = fresh("sd1")
    tensors = {}
    for name, module in modules(pipeline.unet, attention):
        down, up = plain(module, 4)
        tensors |= {f"unet.{name}.lora_A.weight": down, f"unet.{name}.lora_B.weight": up}
    write("peft", tensors)
    pipeline.load_lora_weights(FOLDER, weight_name="peft.safetensors", adapter_name="peft")
    pipeline.set_adapters(["peft"], [0.7])
    out.draw("peft", "sd1", [{"model": "peft", "strength": 0.7}], pipeline)
    metadata = {"unet.r": 4, "unet.lora_alpha": 2, "unet.target_modules": ["to_q", "to_k", "to_v", "to_out.0"]}
    write("peft-metadata", tensors, {"lora_adapter_metadata": json.dumps(metadata), "format": "pt"})
    pipeline = fresh("sd1")
    pipeline.load_lora_weights(FOLDER, weight_name="peft-metadata.safetensors", adapter_name="peft")
    out.draw("peft-metadata", "sd1", [{"model": "peft-metadata", "strength": 1}], pipeline)

    # PEFT's DoRA, read by diffusers.
    pipeline = fresh("sd1")
    dora = dict(tensors)
    for name, module in modules(pipeline.unet, attention):
        dora[f"unet.{name}.lora_magnitude_vector"] = module.weight.norm(dim=1) * (1 + randn(module.weight.shape[0], std=0.2))
    write("peft-dora", dora)
    pipeline.load_lora_weights(FOLDER, weight_name="peft-dora.safetensors", adapter_name="dora")
    out.draw("peft-dora", "sd1", [{"model": "peft-dora", "strength": 1}], pipeline)

    # diffusers' oldest naming.
    pipeline = fresh("sd1")
    old = {}
    for name, module in modules(pipeline.unet, attention):
        parent, leaf = name.replace(".to_out.0", ".to_out").rsplit(".", 1)
        down, up = plain(module, 2)
        old |= {f"unet.{parent}.processor.{leaf}_lora.down.weight": down, f"unet.{parent}.processor.{leaf}_lora.up.weight": up}
    write("old", old)
    pipeline.load_lora_weights(FOLDER, weight_name="old.safetensors", adapter_name="old")
    out.draw("old", "sd1", [{"model": "old", "strength": 1}], pipeline)

    # Two at once.
    pipeline = fresh("sd1")
    merge_kohya(pipeline, 0.5, 0.5)
    pipeline.load_lora_weights(FOLDER, weight_name="peft.safetensors", adapter_name="peft")
    pipeline.set_adapters(["peft"], [0.6])
    out.draw("two", "sd1", [{"model": "kohya", "strength": 0.5}, {"model": "peft", "strength": 0.6}], pipeline)

    # LyCORIS: LoCon in CP form, LoHa flat and Tucker, LoKr; kohya's DoRA by rows and by columns.
    convs = [(name, module) for name, module in modules(fresh("sd1").unet, lambda n: "resnets" in n and "conv" in n) if module.kernel_size == (3, 3)]
    linears = modules(fresh("sd1").unet, attention)
    for label in ("locon-cp", "loha", "loha-tucker", "lokr", "lokr-tucker", "dora-rows", "dora-columns"):
        pipeline = fresh("sd1")
        named = dict(pipeline.unet.named_modules())
        tensors, deltas = {}, {}
        chosen = linears if label in ("dora-columns",) else convs if label in ("locon-cp", "loha-tucker", "lokr-tucker") else linears + convs
        for name, module in chosen:
            key = kohya("lora_unet", name)
            weight = named[name].weight
            o, i, kernel = weight.shape[0], weight.shape[1], weight.shape[2:]
            r = 3
            if label == "locon-cp":
                parts = {"lora_down.weight": randn(r, i, 1, 1, std=0.5), "lora_mid.weight": randn(r, r, *kernel, std=0.3), "lora_up.weight": randn(o, r, 1, 1, std=0.5)}
            elif label == "loha":
                flat = i * kernel.numel() if kernel else i
                parts = {f"hada_w{n}_a": randn(o, r, std=0.5) for n in (1, 2)} | {f"hada_w{n}_b": randn(r, flat, std=0.5) for n in (1, 2)}
            elif label == "loha-tucker":
                parts = {f"hada_t{n}": randn(r, r, *kernel, std=0.3) for n in (1, 2)}
                parts |= {f"hada_w{n}_a": randn(r, o, std=0.6) for n in (1, 2)} | {f"hada_w{n}_b": randn(r, i, std=0.6) for n in (1, 2)}
            elif label == "lokr":
                # A whole first factor, a second one whole for convolutions and a product for linear layers.
                parts = {"lokr_w1": randn(2, 2, std=0.5)}
                if kernel:
                    parts["lokr_w2"] = randn(o // 2, i // 2, *kernel, std=0.2)
                else:
                    parts |= {"lokr_w2_a": randn(o // 2, r, std=0.4), "lokr_w2_b": randn(r, i // 2, std=0.4)}
            elif label == "lokr-tucker":
                parts = {"lokr_w1_a": randn(2, r, std=0.5), "lokr_w1_b": randn(r, 2, std=0.5), "lokr_t2": randn(r, r, *kernel, std=0.4)}
                parts |= {"lokr_w2_a": randn(r, o // 2, std=0.5), "lokr_w2_b": randn(r, i // 2, std=0.5)}
            else:
                down, up = plain(module, r)
                parts = {"lora_down.weight": down, "lora_up.weight": up}
                rows = label == "dora-rows"
                norm = weight.flatten(1).norm(dim=1) if rows else weight.norm(dim=0)
                scale = norm * (1 + randn(*norm.shape, std=0.2))
                parts["dora_scale"] = scale.reshape(o, *(1 for _ in weight.shape[1:])) if rows else scale.reshape(1, i)
            parts["alpha"] = torch.tensor(2.0)
            parts = {k: v.half().float() for k, v in parts.items()}
            tensors |= {f"{key}.{k}": v for k, v in parts.items()}
            deltas[name] = formula(parts, weight)
        write(label, tensors)
        for name, delta in deltas.items():
            merge(named[name], delta * 0.6)
        out.draw(label, "sd1", [{"model": label, "strength": 0.6}], pipeline)

    # SDXL: kohya's original block names, both text encoders; PEFT's with alpha in the file, by diffusers.
    pipeline = fresh("sdxl")
    out.draw("sdxl-base", "sdxl", [], pipeline)
    tensors, deltas = {}, []
    for name, module in modules(pipeline.unet, attention):
        down, up = plain(module, 2, std=0.3)
        key = kohya("lora_unet", original_xl(name))
        tensors |= {f"{key}.lora_down.weight": down, f"{key}.lora_up.weight": up, f"{key}.alpha": torch.tensor(2.0)}
        deltas.append((module, up.half().float() @ down.half().float()))
    for prefix, model in text_encoders(pipeline):
        for name, module in modules(model, lambda n: "projection" not in n):
            down, up = plain(module, 2, std=0.2)
            key = kohya(f"lora_{prefix}", text_name(name))
            tensors |= {f"{key}.lora_down.weight": down, f"{key}.lora_up.weight": up, f"{key}.alpha": torch.tensor(2.0)}
            deltas.append((module, up.half().float() @ down.half().float()))
    write("sdxl-kohya", tensors)
    for module, delta in deltas:
        merge(module, delta * 0.9)
    out.draw("sdxl-kohya", "sdxl", [{"model": "sdxl-kohya", "strength": 0.9}], pipeline)

    save_file(out.images, FOLDER / "images.safetensors")
    (FOLDER / "cases.json").write_text(json.dumps(out.cases, indent=2) + "\n")


def rebuild(core, a, b):
    return torch.einsum("i j ..., j r, i p -> p r ...", core, b, a)


def formula(parts, weight):
    """LyCORIS' and DoRA's papers."""
    alpha = float(parts["alpha"])
    if "hada_t1" in parts:
        first, second = (rebuild(parts[f"hada_t{n}"], parts[f"hada_w{n}_a"], parts[f"hada_w{n}_b"]) for n in (1, 2))
        return first * second * alpha / parts["hada_w1_b"].shape[0]
    if "hada_w1_a" in parts:
        first, second = (parts[f"hada_w{n}_a"] @ parts[f"hada_w{n}_b"] for n in (1, 2))
        return (first * second * alpha / parts["hada_w1_b"].shape[0]).reshape(weight.shape)
    if "lokr_w1" in parts or "lokr_w1_a" in parts:
        w1 = parts["lokr_w1"] if "lokr_w1" in parts else parts["lokr_w1_a"] @ parts["lokr_w1_b"]
        if "lokr_t2" in parts:
            w2 = rebuild(parts["lokr_t2"], parts["lokr_w2_a"], parts["lokr_w2_b"])
        else:
            w2 = parts["lokr_w2"] if "lokr_w2" in parts else parts["lokr_w2_a"] @ parts["lokr_w2_b"]
        low = "lokr_w2_b" in parts or "lokr_w1_b" in parts
        scale = alpha / (parts["lokr_w2_b"] if "lokr_w2_b" in parts else parts.get("lokr_w1_b", w2)).shape[0] if low else 1
        return torch.kron(w1.reshape(*w1.shape, *(1 for _ in w2.shape[2:])), w2.contiguous()) * scale
    down, up = parts["lora_down.weight"], parts["lora_up.weight"]
    if "lora_mid.weight" in parts:
        delta = torch.einsum("n m k l, m i, o n -> o i k l", parts["lora_mid.weight"], down.flatten(1), up.flatten(1))
        return delta * alpha / down.shape[0]
    delta = (up.flatten(1) @ down.flatten(1)).reshape(weight.shape) * alpha / down.shape[0]
    if "dora_scale" not in parts:
        return delta
    changed = weight + delta
    scale = parts["dora_scale"]
    norm = changed.flatten(1).norm(dim=1).reshape(scale.shape) if scale.shape[0] == weight.shape[0] else changed.norm(dim=0).reshape(scale.shape)
    return scale * changed / norm - weight


if __name__ == "__main__":
    main()
