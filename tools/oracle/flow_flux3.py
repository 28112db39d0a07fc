"""A tiny random FLUX.3 klein, its networks' values and its cases, for flow_families.py.

Its pipelines are modular ones: a folder has a modular_model_index.json and no scheduler. The step that rewrites prompts with a language model of
its own is left out, as the reference says it may be.
"""

import json
from pathlib import Path
from types import SimpleNamespace

import torch
from diffusers import AutoencoderKLFlux2, ClassifierFreeGuidance, Flux3Transformer2DModel
from diffusers.modular_pipelines import Flux3AutoBlocks, Flux3DistilledAutoBlocks
from flow_parts import noise, qwen3_vl, qwen3_vl_values, randomise
from text_tokenizer import write_text_tokenizer
from transformers import AutoTokenizer, Qwen3VLForConditionalGeneration

LAYERS = tuple(range(4, 33, 4))
INDEX = "modular_model_index.json"


def blocks_of(name):
    blocks = {"Flux3AutoBlocks": Flux3AutoBlocks, "Flux3DistilledAutoBlocks": Flux3DistilledAutoBlocks}[name]()
    blocks.sub_blocks.pop("prompt_upsampler")
    return blocks


class Processor:
    """What the pipeline uses of the published processor, whose other half needs torchvision."""

    def __init__(self, folder):
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.apply_chat_template = self.tokenizer.apply_chat_template


class Flux3Pipeline:
    @classmethod
    def from_pretrained(cls, folder, **_):
        index = json.loads((Path(folder) / INDEX).read_text())
        for entry in index.values():
            if isinstance(entry, list):
                entry[2]["pretrained_model_name_or_path"] = str(folder)
        (Path(folder) / INDEX).write_text(json.dumps(index))
        self = cls()
        self.pipe = blocks_of(index["_blocks_class_name"]).init_pipeline(str(folder))
        self.pipe.load_components(["text_encoder", "transformer", "vae"], torch_dtype=torch.float32)
        self.pipe.update_components(tokenizer=Processor(Path(folder) / "tokenizer"))
        return self

    def __getattr__(self, name):
        return getattr(self.pipe, name)

    def __call__(self, guidance_scale=None, **call):
        if guidance_scale is not None:
            self.pipe.update_components(guider=ClassifierFreeGuidance(guidance_scale=guidance_scale))
        return SimpleNamespace(images=self.pipe(**call, output="images"))


class Saved(SimpleNamespace):
    """Parts that are saved as the modular pipeline saves them, and the processor as in published folders."""

    def to(self, dtype):
        for part in (self.text_encoder, self.transformer, self.vae):
            part.to(dtype)
        return self

    def save_pretrained(self, folder):
        pipe = blocks_of("Flux3DistilledAutoBlocks").init_pipeline()
        pipe.update_components(text_encoder=self.text_encoder, transformer=self.transformer, vae=self.vae)
        pipe.save_pretrained(str(folder), overwrite_modular_index=True)
        index = json.loads((folder / INDEX).read_text())
        index["tokenizer"] = ["transformers", "Qwen3VLProcessor", {**index["tokenizer"][2], "subfolder": "tokenizer"}]
        for entry in index.values():
            if isinstance(entry, list):
                entry[2]["pretrained_model_name_or_path"] = "owner/flux3"
        (folder / INDEX).write_text(json.dumps(index, indent=2) + "\n")
        (folder / "text_encoder/generation_config.json").unlink()


def flux3(folder):
    tokenizer = write_text_tokenizer(folder / "tokenizer")
    transformer = Flux3Transformer2DModel(
        in_channels=32, cond_in_channels=32, num_layers=1, num_single_layers=2, attention_head_dim=16, num_attention_heads=2,
        joint_attention_dim=len(LAYERS) * 8, timestep_channels=32, axes_dims_rope=(4, 4, 4, 4), flow_map=True,
    )  # fmt: skip
    vae = randomise(AutoencoderKLFlux2(block_out_channels=(8, 8, 8, 16), layers_per_block=1, norm_num_groups=4, latent_channels=8), 3)
    vae.decoder.conv_out.weight.data = (vae.decoder.conv_out.weight * 0.5).bfloat16().float()
    vae.bn.running_mean = (0.3 * noise((32,), 6)).bfloat16().float()
    vae.bn.running_var = (0.5 + noise((32,), 7).abs()).bfloat16().float()
    randomise(transformer, 2)
    for key, weight in transformer.named_parameters():
        # Random weights heed the text little.
        if "to_v" in key:
            weight.data = (weight * 3).bfloat16().float()
    return Saved(text_encoder=qwen3_vl(tokenizer, Qwen3VLForConditionalGeneration), transformer=transformer, vae=vae)


def networks(pipeline):
    yield qwen3_vl_values(pipeline.text_encoder, LAYERS)
    transformer = pipeline.transformer
    image, text, reference = noise((1, 10, 32), 4), noise((1, 5, len(LAYERS) * 8), 5), noise((1, 6, 32), 6)
    halves = torch.arange(5) * 0.5
    ids = dict(
        image=torch.cartesian_prod(torch.zeros(1), halves[:2], halves, torch.zeros(1)),
        text=torch.cartesian_prod(*[torch.zeros(1)] * 3, torch.arange(5.0)),
        reference=torch.cartesian_prod(torch.zeros(1), halves[:2], halves[:3], -torch.ones(1)),
    )
    velocity = transformer(
        image, text, torch.tensor([0.35]), ids["image"], ids["text"], reference, ids["reference"], torch.tensor([0.2]), return_dict=False
    )[0]
    angles = {}
    for name, places in ids.items():
        # Each angle stands twice, for both numbers of its pair.
        cos, sin = transformer.pos_embed(places)
        angles |= {f"{name}_cos": cos[:, ::2], f"{name}_sin": sin[:, ::2]}
    times = dict(timestep=torch.tensor([350.0]), target=torch.tensor([200.0]))
    yield "transformer", dict(image=image, text=text, reference=reference, **angles, **times), dict(velocity=velocity)


def base(folder):
    index, config = (json.loads((folder / name).read_text()) for name in (INDEX, "transformer/config.json"))
    names = dict(_class_name="Flux3ModularPipeline", _blocks_class_name="Flux3AutoBlocks")
    return {INDEX: {**index, **names}, "transformer/config.json": {**config, "flow_map": False}}


KLEIN = "Flux3Pipeline"
BASE = dict(files=base)

FLUX3 = (flux3, networks, [
    ("distilled", KLEIN, dict(count=2), {}),
    ("more-steps", KLEIN, dict(steps=7), {}),
    ("wide", KLEIN, dict(width=96, height=48), {}),
    ("long", KLEIN, dict(prompt="a green dog, " * 60), {}),
    ("base", KLEIN, dict(guidance_scale=3.0, steps=5), BASE),
    ("base-negative", KLEIN, dict(guidance_scale=4.0, negative_prompt="blurry photo of a cat", steps=5), BASE),
    ("base-unguided", KLEIN, dict(guidance_scale=1.0, steps=5, seed=8), BASE),
    ("reference", KLEIN, dict(width=None, height=None, seed=9), dict(references=["image96"])),
    ("references", KLEIN, dict(width=None, height=None, count=2), dict(references=["image", "image96"])),
    ("base-reference", KLEIN, dict(guidance_scale=2.0, steps=5), dict(**BASE, references=["image"])),
])  # fmt: skip
