"""Tiny random models of FLUX.1, their networks' values and their cases, for flow_families.py."""

import torch
from diffusers import FlowMatchEulerDiscreteScheduler, FluxFillPipeline, FluxPipeline, FluxTransformer2DModel
from flow_parts import clip, flux_vae, noise, randomise, t5, t5_values
from t5_tokenizer import write_t5_tokenizer

SIZES = dict(
    num_layers=1, num_single_layers=2, attention_head_dim=16, num_attention_heads=2, joint_attention_dim=24, pooled_projection_dim=16,
    axes_dims_rope=(4, 6, 6), guidance_embeds=True,
)  # fmt: skip


def parts(folder, **options):
    text_encoder, tokenizer = clip(folder / "tokenizer")
    tokenizer_2 = write_t5_tokenizer(folder / "tokenizer_2")
    transformer = randomise(FluxTransformer2DModel(**{**SIZES, "in_channels": 64, **options}), 2)
    for key, weight in transformer.named_parameters():
        # Random weights heed the text as a whole and the scale of guidance little.
        if key.startswith(("time_text_embed.text_embedder.linear_2.weight", "time_text_embed.guidance_embedder.linear_2.weight")):
            weight.data = (weight * 4).bfloat16().float()
    scheduler = FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True, base_shift=0.5, max_shift=1.15, shift=3.0)
    return dict(
        scheduler=scheduler, vae=flux_vae(), text_encoder=text_encoder, tokenizer=tokenizer, text_encoder_2=t5(tokenizer_2),
        tokenizer_2=tokenizer_2, transformer=transformer,
    )  # fmt: skip


def flux1(folder):
    return FluxPipeline(**parts(folder))


def flux1_fill(folder):
    return FluxFillPipeline(**parts(folder, in_channels=384, out_channels=64))


def networks(pipeline):
    transformer = pipeline.transformer
    yield t5_values(pipeline.text_encoder_2, "textEncoder2")
    image, text, pooled = noise((1, 10, transformer.config.in_channels), 4), noise((1, 7, 24), 5), noise((1, 16), 6)
    image_ids = torch.cartesian_prod(torch.tensor([0, 1]), torch.arange(1), torch.arange(5))
    text_ids = torch.zeros(7, 3, dtype=torch.long)
    velocity = transformer(
        image, text, pooled, torch.tensor([0.35]), image_ids, text_ids, torch.tensor([3.5]), return_dict=False
    )[0]
    angles = {}
    for name, ids in (("image", image_ids), ("text", text_ids)):
        cos, sin = transformer.pos_embed(ids)
        angles |= {f"{name}_cos": cos[:, ::2], f"{name}_sin": sin[:, ::2]}
    inputs = dict(image=image, text=text, pooled=pooled, **angles, timestep=torch.tensor([350.0]), guidance=torch.tensor([3500.0]))
    yield "transformer", inputs, dict(velocity=velocity)


FIXED = ("FlowMatchEulerDiscreteScheduler", dict(shift=1.0))
SCHNELL = dict(transformer=dict(guidance_embeds=False), scheduler=FIXED)
KONTEXT = dict(index=dict(_class_name="FluxKontextPipeline"), call=dict(max_area=64 * 64))
T2I, I2I, INPAINT, FILL, EDIT = "FluxPipeline", "FluxImg2ImgPipeline", "FluxInpaintPipeline", "FluxFillPipeline", "FluxKontextPipeline"
TRUE = dict(call=dict(true_cfg_scale=2.5), own=dict(trueCfgScale=2.5))

FLUX1 = (flux1, networks, [
    ("dev", T2I, dict(guidance_scale=3.5, count=2), {}),
    ("scale", T2I, dict(guidance_scale=30.0), {}),
    ("wide", T2I, dict(guidance_scale=3.5, width=96, height=48), {}),
    ("long", T2I, dict(guidance_scale=3.5, prompt="a green dog, " * 110), {}),
    ("negative", T2I, dict(guidance_scale=3.5, negative_prompt="blurry photo of a cat"), TRUE),
    ("fixed-shift", T2I, dict(guidance_scale=3.5), dict(scheduler=FIXED)),
    ("schnell", T2I, dict(guidance_scale=0.0, prompt="a red apple on a green dog"), {**SCHNELL, "call": dict(max_sequence_length=256)}),
    ("image-to-image", I2I, dict(guidance_scale=3.5, strength=0.6, count=2, steps=5), {}),
    ("image-to-image-negative", I2I, dict(guidance_scale=3.5, strength=0.5, negative_prompt="blurry", steps=5), TRUE),
    ("inpaint", INPAINT, dict(guidance_scale=3.5, strength=1.0, count=2), {}),
    ("inpaint-partly", INPAINT, dict(guidance_scale=7.0, strength=0.7), {}),
    ("kontext", EDIT, dict(guidance_scale=2.5, steps=2, count=2), {**KONTEXT, "references": ["image"]}),
    ("kontext-alone", EDIT, dict(guidance_scale=2.5, steps=3), KONTEXT),
])  # fmt: skip

FLUX1_FILL = (flux1_fill, networks, [
    ("fill", FILL, dict(guidance_scale=30.0, strength=1.0, count=2), {}),
    ("fill-partly", FILL, dict(guidance_scale=30.0, strength=0.7), {}),
])  # fmt: skip
