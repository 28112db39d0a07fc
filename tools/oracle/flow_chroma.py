"""A tiny random Chroma, its networks' values and its cases, for flow_families.py.

diffusers 0.42.1 gives its attention the texts' mask as floating point numbers, which torch adds to the scores: padding is then seen, only less. Here it
is made what the pipeline's own comments, the model's author and ComfyUI have: padding is hidden but for its first token.
"""

import torch
from diffusers import ChromaImg2ImgPipeline, ChromaInpaintPipeline, ChromaPipeline, ChromaTransformer2DModel, FlowMatchEulerDiscreteScheduler
from flow_parts import flux_vae, noise, randomise, t5
from t5_tokenizer import write_t5_tokenizer


class Hiding:
    def _prepare_attention_mask(self, *args, **options):
        mask = super()._prepare_attention_mask(*args, **options)
        return None if mask is None else mask.bool()

    def __call__(self, *args, **options):
        # The inpainting pipeline asks for an option of FLUX.1's, and fails without it.
        self.transformer.register_to_config(guidance_embeds=False)
        return super().__call__(*args, **options)


OWN = {f"Hiding{kind.__name__}": type(f"Hiding{kind.__name__}", (Hiding, kind), {}) for kind in (ChromaPipeline, ChromaImg2ImgPipeline, ChromaInpaintPipeline)}
T2I, I2I, INPAINT = OWN


def chroma(folder):
    tokenizer = write_t5_tokenizer(folder / "tokenizer")
    transformer = ChromaTransformer2DModel(
        num_layers=1, num_single_layers=2, attention_head_dim=16, num_attention_heads=2, joint_attention_dim=24, axes_dims_rope=(4, 6, 6),
        approximator_num_channels=32, approximator_hidden_dim=24, approximator_layers=2,
    )  # fmt: skip
    randomise(transformer, 2)
    for key, weight in transformer.named_parameters():
        # Random weights heed the text little.
        if key.endswith(("add_v_proj.weight", "attn.to_v.weight")):
            weight.data = (weight * 3).bfloat16().float()
    scheduler = FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True, base_shift=0.5, max_shift=1.15, shift=3.0)
    return ChromaPipeline(scheduler=scheduler, vae=flux_vae(), text_encoder=t5(tokenizer), tokenizer=tokenizer, transformer=transformer)


def networks(pipeline):
    transformer = pipeline.transformer
    image, text = noise((1, 10, 64), 4), noise((1, 7, 24), 5)
    ids = dict(
        image=torch.cartesian_prod(torch.arange(1), torch.arange(2), torch.arange(5)).float(), text=torch.zeros(7, 3),
    )  # fmt: skip
    velocity = transformer(image, text, torch.tensor([0.35]), ids["image"], ids["text"], return_dict=False)[0]
    angles = {}
    for name, places in ids.items():
        cos, sin = transformer.pos_embed(places)
        angles |= {f"{name}_cos": cos[:, ::2], f"{name}_sin": sin[:, ::2]}
    yield "transformer", dict(image=image, text=text, **angles, timestep=torch.tensor([350.0])), dict(velocity=velocity)


FIXED = ("FlowMatchEulerDiscreteScheduler", dict(shift=2.0))
NEGATIVE = dict(guidance_scale=3.0, negative_prompt="blurry photo of a cat")

CHROMA = (chroma, networks, [
    ("guided", T2I, dict(guidance_scale=5.0, count=2), {}),
    ("negative", T2I, NEGATIVE, {}),
    ("unguided", T2I, dict(guidance_scale=1.0, seed=8), {}),
    ("wide", T2I, dict(guidance_scale=1.0, width=96, height=48), {}),
    ("long", T2I, dict(guidance_scale=1.0, prompt="a green dog, " * 150), {}),
    ("fixed-shift", T2I, dict(guidance_scale=1.0), dict(scheduler=FIXED)),
    ("image-to-image", I2I, dict(**NEGATIVE, strength=0.6, count=2, steps=5), {}),
    ("inpaint", INPAINT, dict(guidance_scale=1.0, strength=1.0, count=2), {}),
    ("inpaint-partly", INPAINT, dict(**NEGATIVE, strength=0.7), {}),
])  # fmt: skip
