"""Writes LoRAs of FLUX.2 klein and Qwen-Image in each of the namings that they are published in, LoKr and DoRA of them, and diffusers' pictures.

packages/backend-local/fixtures/loras/flow/<model>-<naming>.safetensors are one LoRA in each naming. namings.safetensors: `<model>`, U8 [height, width, 3];
the same with reference pictures (SHOWN); `<model>-lokr` and `flux2-dora`.

    python tools/oracle/flow_lora_namings.py
"""

import diffusers
import numpy as np
import torch
from families import FOLDER, files_of
from flow_families import PROMPT, reference
from flow_loras import ADD, ALPHA, OUT, QKV, RANK
from flow_qwen_image import with_places
from networks import noise
from safetensors.torch import save_file
from saved import load
from transformers import AutoTokenizer, BatchFeature, Qwen2VLImageProcessorPil, Qwen2VLProcessor, Qwen3VLProcessor

#: model: (pipeline, call, layers: (diffusers' names, their authors'), namings beside diffusers')
MODELS = {
    "flux2": ("Flux2KleinPipeline", {}, [
        ([f"transformer_blocks.0.attn.{part}" for part in QKV], "double_blocks.0.img_attn.qkv"),
        ([f"transformer_blocks.0.attn.{part}" for part in ADD], "double_blocks.0.txt_attn.qkv"),
        (["transformer_blocks.0.ff.linear_in"], "double_blocks.0.img_mlp.0"),
        (["transformer_blocks.0.ff_context.linear_out"], "double_blocks.0.txt_mlp.2"),
        (["single_transformer_blocks.1.attn.to_qkv_mlp_proj"], "single_blocks.1.linear1"),
        (["single_transformer_blocks.0.attn.to_out"], "single_blocks.0.linear2"),
        (["context_embedder"], "txt_in"),
    ], ("bfl", "kohya", "peft")),
    "qwen-image": ("QwenImagePipeline", dict(true_cfg_scale=1.0), [([each], each) for each in (
        "transformer_blocks.0.attn.to_q", "transformer_blocks.0.attn.add_v_proj", "transformer_blocks.0.attn.to_out.0",
        "transformer_blocks.1.attn.to_add_out", "transformer_blocks.1.img_mlp.net.0.proj", "transformer_blocks.0.txt_mlp.net.2",
        "transformer_blocks.1.img_mod.1", "proj_out",
    )], ("bfl", "kohya", "lightx2v", "default")),
    "qwen-image-21": ("QwenImage21Pipeline", {}, [
        *[([each], each) for each in ("transformer_blocks.0.attn.to_q", "transformer_blocks.1.attn.to_v", "transformer_blocks.0.attn.to_out.0")],
        (["transformer_blocks.0.img_mlp.gate_layer", "transformer_blocks.0.img_mlp.proj"], "transformer_blocks.0.img_mlp.gate_up"),
        *[([each], each) for each in ("transformer_blocks.1.img_mlp.out", "txt_in.in_layer", "img_in", "modulation.1")],
    ], ("bfl", "kohya")),
}  # fmt: skip
#: name: (LoRA of which model, pipeline, call, index, references)
SHOWN = {
    "flux2-references": ("flux2", "Flux2KleinPipeline", {}, {}, ["image"]),
    "flux2-kv": ("flux2", "Flux2KleinKVPipeline", {}, dict(_class_name="Flux2KleinKVPipeline"), ["image"]),
    "qwen-image-edit": ("qwen-image", "QwenImageEditPlusPipeline", dict(true_cfg_scale=1.0), {}, ["image"]),
    "qwen-image-21-references": ("qwen-image-21", "QwenImage21Pipeline", {}, {}, ["image"]),
}
#: Layers that Black Forest Labs' naming has and diffusers' converter of kohya's has not.
MODULATION = ("double_stream_modulation_img.linear", "double_stream_modulation_img.lin")


def named(naming, name):
    """Where a layer's tensors are in a naming: what stands before their ends, and these."""
    peft, old = (".lora_A.weight", ".lora_B.weight"), (".lora_down.weight", ".lora_up.weight")
    return {
        "bfl": (f"diffusion_model.{name}", peft),
        "peft": (f"base_model.model.{name}", peft),
        "kohya": (f"lora_unet_{name.replace('.', '_')}", old),
        "lightx2v": (name, old),
        "default": (name, (".lora_A.default.weight", ".lora_B.default.weight")),
    }[naming]


def lora(weights, layers):
    """For each layer its factors: of those that are one in the other naming the same `down`."""
    for i, (names, name) in enumerate(layers):
        down = noise((RANK, weights[f"{names[0]}.weight"].shape[1]), 20 + i) * 0.4
        ups = [noise((weights[f"{each}.weight"].shape[0], RANK), 40 + 10 * i + k) * 0.4 for k, each in enumerate(names)]
        yield names, name, down, ups


def picture(pipeline, call, references=()):
    shown = dict(image=[reference(each) for each in references]) if references else {}
    result = pipeline(
        prompt=PROMPT, **call, **shown, width=64, height=64, num_inference_steps=4, generator=torch.Generator().manual_seed(7), output_type="np"
    ).images[0]  # fmt: skip
    return torch.from_numpy(np.ascontiguousarray((result * 255).round().astype(np.uint8)))


def save(tensors, name):
    save_file({key: value.contiguous() for key, value in tensors.items()}, OUT / f"{name}.safetensors")


class Seeing(Qwen2VLProcessor):
    """What the pipeline uses of an editor's processor, whose other half needs torchvision."""

    def __init__(self, folder):
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.image_processor = Qwen2VLImageProcessorPil(min_pixels=3136, max_pixels=12845056)

    def __call__(self, text, images, **options):
        seen = self.image_processor(images=images, return_tensors="pt")
        counts = iter((seen["image_grid_thw"].prod(-1) // self.image_processor.merge_size**2).tolist())
        mark = "<|image_pad|>"
        filled = ["".join(mark * next(counts) + part if i else part for i, part in enumerate(each.split(mark))) for each in text]
        return BatchFeature({**self.tokenizer(filled, **options), **seen})


class Reading(Qwen3VLProcessor):
    """The same of Qwen-Image 2.1's."""

    def __init__(self, folder):
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        half = [0.5, 0.5, 0.5]
        sizes = dict(shortest_edge=65536, longest_edge=16777216)
        self.image_processor = Qwen2VLImageProcessorPil(patch_size=16, image_mean=half, image_std=half, size=sizes)
        self.template = (folder / "chat_template.jinja").read_text()

    def apply_chat_template(self, messages, **options):
        return [self.tokenizer.apply_chat_template(messages, chat_template=self.template, **options)]

    def __call__(self, text, images=None, **options):
        if images is None:
            return self.tokenizer(text, **options)
        seen = Seeing.__call__(self, text, images, **options)
        mark = self.tokenizer.convert_tokens_to_ids("<|image_pad|>")
        return BatchFeature({**seen, "mm_token_type_ids": (seen["input_ids"] == mark).int()})


PROCESSORS = {"qwen-image-edit": Seeing, "qwen-image-21": Reading}


def made(kind, model, index=None):
    folder = FOLDER / model
    more = dict(processor=PROCESSORS[model](folder / "processor")) if model in PROCESSORS else {}
    pipeline = load(getattr(diffusers, kind), folder, files=files_of(folder, dict(index=index)) if index else {}, **more)
    return with_places(pipeline) if kind.startswith("QwenImageEdit") else pipeline


def namings():
    pictures = {}
    for model, (kind, call, layers, own_namings) in MODELS.items():
        pipeline = made(kind, model)
        weights = dict(pipeline.transformer.named_parameters())
        all_layers = [*layers, ([MODULATION[0]], MODULATION[1])] if model == "flux2" else layers
        own = {}
        for names, name, down, ups in lora(weights, all_layers):
            for each, up in zip(names, ups):
                own |= {f"transformer.{each}.lora_A.weight": down.clone(), f"transformer.{each}.lora_B.weight": up * ALPHA / RANK}
        save(own, f"{model}-diffusers")
        for naming in own_namings:
            other = {}
            for names, name, down, ups in lora(weights, all_layers):
                start, (a, b) = named(naming, name)
                has_alpha = naming in ("kohya", "lightx2v")
                other |= {f"{start}{a}": down, f"{start}{b}": torch.cat(ups) * (1 if has_alpha else ALPHA / RANK)}
                if has_alpha:
                    other[f"{start}.alpha"] = torch.tensor(ALPHA)
            save(other, f"{model}-{naming}")
        for naming in ("diffusers", *own_namings):
            if model == "qwen-image-21" and naming != "diffusers":
                # diffusers reads them as Qwen-Image's, whose feed-forwards have other layers.
                continue
            pipeline = made(kind, model)
            pipeline.load_lora_weights(OUT, weight_name=f"{model}-{naming}.safetensors", adapter_name="own")
            drawn = picture(pipeline, call)
            # diffusers leaves out what its converter of kohya's naming doesn't know.
            apart = 0 if model not in pictures else (pictures[model].int() - drawn.int()).abs().max().item()
            print(model, naming, drawn.float().mean().item(), "from diffusers' naming at most", apart)
            pictures.setdefault(model, drawn)
    for name, (model, kind, call, index, references) in SHOWN.items():
        pipeline = made(kind, name if (FOLDER / name).exists() else model, index)
        plain = picture(pipeline, call, references)
        pipeline.load_lora_weights(OUT, weight_name=f"{model}-diffusers.safetensors", adapter_name="own")
        pictures[name] = picture(pipeline, call, references)
        print(name, "changes", (pictures[name].float() - plain.float()).abs().mean().item())
    return pictures


def krons(weights, names, seed, decomposed):
    """LoKr's factors of a layer that is as high as these together."""
    rows, columns = sum(weights[f"{each}.weight"].shape[0] for each in names), weights[f"{names[0]}.weight"].shape[1]
    w1 = noise((4, 4), seed) * 0.5
    if not decomposed:
        return dict(lokr_w1=w1, lokr_w2=noise((rows // 4, columns // 4), seed + 1) * 0.3)
    low = dict(lokr_w2_a=noise((rows // 4, RANK), seed + 1) * 0.3, lokr_w2_b=noise((RANK, columns // 4), seed + 2) * 0.3)
    return dict(lokr_w1=w1, **low, alpha=torch.tensor(ALPHA))


def merged(factors):
    w2 = factors["lokr_w2"] if "lokr_w2" in factors else factors["lokr_w2_a"] @ factors["lokr_w2_b"] * ALPHA / RANK
    return torch.kron(factors["lokr_w1"], w2)


def other_kinds():
    """LoKr, in ai-toolkit's naming and in LyCORIS', and DoRA of a layer that is several here: against the weights that they make."""
    pictures = {}
    for model, start, as_name, layers in (
        ("flux2", "diffusion_model.", str, [MODELS["flux2"][2][0], MODELS["flux2"][2][4], MODELS["flux2"][2][2]]),
        ("qwen-image", "lycoris_", lambda name: name.replace(".", "_"), MODELS["qwen-image"][2][:3]),
    ):
        kind, call, *_ = MODELS[model]
        pipeline = made(kind, model)
        weights = dict(pipeline.transformer.named_parameters())
        tensors = {}
        for i, (names, name) in enumerate(layers):
            factors = krons(weights, names, 70 + 10 * i, decomposed=i == 1)
            tensors |= {f"{start}{as_name(name)}.{key}": value for key, value in factors.items()}
            rows = torch.split(merged(factors), [weights[f"{each}.weight"].shape[0] for each in names])
            for each, own in zip(names, rows):
                weights[f"{each}.weight"] += own
        save(tensors, f"{model}-lokr")
        pictures[f"{model}-lokr"] = picture(pipeline, call)
        if model == "flux2":
            theirs = made(kind, model)
            theirs.load_lora_weights(OUT, weight_name=f"{model}-lokr.safetensors", adapter_name="own")
            print("lokr", (picture(theirs, call).int() - pictures["flux2-lokr"].int()).abs().max().item(), "from diffusers'")

    pipeline = made("Flux2KleinPipeline", "flux2")
    weights = dict(pipeline.transformer.named_parameters())
    tensors = {}
    for i, (names, name, down, ups) in enumerate(lora(weights, [MODELS["flux2"][2][0], MODELS["flux2"][2][5]])):
        start = f"diffusion_model.{name}"
        scales = 1 + 0.2 * noise((sum(len(up) for up in ups), 1), 90 + i)
        tensors |= {f"{start}.lora_A.weight": down, f"{start}.lora_B.weight": torch.cat(ups), f"{start}.dora_scale": scales}
        for each, up, scale in zip(names, ups, torch.split(scales, [len(up) for up in ups])):
            weight = weights[f"{each}.weight"]
            changed = weight + up @ down
            weight.copy_(scale * changed / changed.norm(dim=1, keepdim=True))
    save(tensors, "flux2-dora")
    pictures["flux2-dora"] = picture(pipeline, {})
    return pictures


@torch.no_grad()
def main():
    save({**namings(), **other_kinds()}, "namings")


if __name__ == "__main__":
    main()
