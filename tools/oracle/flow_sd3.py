"""A tiny random Stable Diffusion 3, its networks' values and its cases, for flow_families.py."""

import torch
from diffusers import FlowMatchEulerDiscreteScheduler, SD3Transformer2DModel, StableDiffusion3Pipeline
from flow_parts import clip, flux_vae, noise, randomise, t5
from t5_tokenizer import write_t5_tokenizer
from transformers import CLIPTextModelWithProjection


def sd3(folder):
    """3.5 medium in small: heads are normalised, the first block attends twice."""
    one, tokenizer = clip(folder / "tokenizer", CLIPTextModelWithProjection, hidden_size=8)
    two, tokenizer_2 = clip(folder / "tokenizer_2", CLIPTextModelWithProjection, hidden_size=12, projection_dim=8, hidden_act="gelu")
    randomise(two, 8)
    tokenizer_3 = write_t5_tokenizer(folder / "tokenizer_3")
    transformer = randomise(SD3Transformer2DModel(
        sample_size=8, num_layers=3, attention_head_dim=16, num_attention_heads=2, joint_attention_dim=24, caption_projection_dim=32,
        pooled_projection_dim=20, pos_embed_max_size=12, dual_attention_layers=(0,), qk_norm="rms_norm",
    ), 2)  # fmt: skip
    # A buffer that is saved: as it is read again.
    transformer.pos_embed.pos_embed = transformer.pos_embed.pos_embed.bfloat16().float()
    for key, weight in transformer.named_parameters():
        # Random weights heed the text as a whole little.
        if key.startswith("time_text_embed.text_embedder.linear_2.weight"):
            weight.data = (weight * 4).bfloat16().float()
    return StableDiffusion3Pipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0), vae=flux_vae(scaling_factor=1.5305, shift_factor=0.0609),
        text_encoder=one, tokenizer=tokenizer, text_encoder_2=two, tokenizer_2=tokenizer_2, text_encoder_3=t5(tokenizer_3),
        tokenizer_3=tokenizer_3, transformer=transformer,
    )  # fmt: skip


def networks(pipeline):
    transformer = pipeline.transformer
    sample, text, pooled = noise((1, 16, 8, 12), 4), noise((1, 7, 24), 5), noise((1, 20), 6)
    velocity = transformer(sample, text, pooled, torch.tensor([350.0]), return_dict=False)[0]
    places = (torch.arange(4)[:, None] + 4) * 12 + torch.arange(6) + 3
    tokens = velocity.reshape(1, 16, 4, 2, 6, 2).permute(0, 2, 4, 3, 5, 1).reshape(1, 24, 64)
    inputs = dict(sample=sample, text=text, pooled=pooled, places=places.flatten().int(), timestep=torch.tensor([350.0]))
    yield "transformer", inputs, dict(velocity=tokens)


T2I, I2I, INPAINT = "StableDiffusion3Pipeline", "StableDiffusion3Img2ImgPipeline", "StableDiffusion3InpaintPipeline"
WITHOUT = dict(index=dict(text_encoder_3=[None, None], tokenizer_3=[None, None]), without=["text_encoder_3", "tokenizer_3"])
DYNAMIC = ("FlowMatchEulerDiscreteScheduler", dict(use_dynamic_shifting=True, base_shift=0.5, max_shift=1.15, shift=3.0))

SD3 = (sd3, networks, [
    ("guided", T2I, dict(guidance_scale=5.0, count=2), {}),
    ("negative", T2I, dict(guidance_scale=5.0, negative_prompt="blurry photo of a cat"), {}),
    ("unguided", T2I, dict(guidance_scale=1.0), {}),
    ("wide", T2I, dict(guidance_scale=3.0, width=96, height=48), {}),
    ("long", T2I, dict(guidance_scale=3.0, prompt="a green dog, " * 60), {}),
    ("without-t5", T2I, dict(guidance_scale=5.0), WITHOUT),
    ("dynamic-shift", T2I, dict(guidance_scale=5.0), dict(scheduler=DYNAMIC)),
    ("image-to-image", I2I, dict(guidance_scale=4.0, strength=0.6, negative_prompt="blurry", steps=5), {}),
    ("inpaint", INPAINT, dict(guidance_scale=4.0, strength=1.0, count=2), {}),
    ("inpaint-partly", INPAINT, dict(guidance_scale=4.0, strength=0.7), {}),
])  # fmt: skip
