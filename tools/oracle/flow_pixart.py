"""A tiny random PixArt-Σ, its networks' values and its cases, for flow_families.py. Sizes are as asked for (no bins of resolutions)."""

import torch
from diffusers import DPMSolverMultistepScheduler, PixArtSigmaPipeline, PixArtTransformer2DModel
from flow_parts import noise, randomise, t5, xl_vae
from t5_tokenizer import write_t5_tokenizer


def pixart(folder):
    tokenizer = write_t5_tokenizer(folder / "tokenizer")
    transformer = PixArtTransformer2DModel(
        num_attention_heads=1, attention_head_dim=72, num_layers=1, cross_attention_dim=72, caption_channels=24, sample_size=8,
        use_additional_conditions=False,
    )  # fmt: skip
    randomise(transformer, 2)
    for key, weight in transformer.named_parameters():
        # Random weights heed the text little, and tables are as large as what they are added to.
        if "attn2.to_v.weight" in key:
            weight.data = (weight * 3).bfloat16().float()
        if "scale_shift_table" in key:
            weight.data = (weight * 3).bfloat16().float()
    scheduler = DPMSolverMultistepScheduler(beta_start=0.0001, beta_end=0.02, beta_schedule="linear")
    return PixArtSigmaPipeline(scheduler=scheduler, vae=xl_vae(), text_encoder=t5(tokenizer), tokenizer=tokenizer, transformer=transformer)


def networks(pipeline):
    transformer = pipeline.transformer
    sample, text = noise((1, 4, 6, 12), 4), noise((1, 7, 24), 5)
    places = []
    hook = transformer.pos_embed.register_forward_hook(lambda module, inputs, output: places.append(output - module.proj(inputs[0]).flatten(2).transpose(1, 2)))
    made = transformer(sample, text, torch.tensor([350.0]), added_cond_kwargs=dict(resolution=None, aspect_ratio=None), return_dict=False)[0]
    hook.remove()
    # Squares of 2×2 as tokens, their channels last.
    tokens = made.reshape(1, 8, 3, 2, 6, 2).permute(0, 2, 4, 3, 5, 1).reshape(1, 18, 32)
    yield "transformer", dict(sample=sample, text=text, places=places[0][0], timestep=torch.tensor([350.0])), dict(noise=tokens)


T2I = "PixArtSigmaPipeline"
AS_ASKED = dict(call=dict(use_resolution_binning=False, clean_caption=False))

PIXART = (pixart, networks, [
    ("guided", T2I, dict(guidance_scale=4.5, count=2), AS_ASKED),
    ("negative", T2I, dict(guidance_scale=3.0, negative_prompt="blurry photo of a cat"), AS_ASKED),
    ("unguided", T2I, dict(guidance_scale=1.0, seed=8), AS_ASKED),
    ("wide", T2I, dict(guidance_scale=1.0, width=96, height=48), AS_ASKED),
    ("closer", T2I, dict(guidance_scale=1.0, seed=10), dict(**AS_ASKED, transformer=dict(interpolation_scale=2))),
    ("long", T2I, dict(guidance_scale=3.0, prompt="  A Green dog, " * 150, steps=5), AS_ASKED),
    ("euler", T2I, dict(guidance_scale=3.0, seed=9), dict(**AS_ASKED, scheduler=("EulerDiscreteScheduler", dict(beta_start=0.0001, beta_end=0.02)))),
])  # fmt: skip
