"""A tiny random Sana 1.5, its networks' values and its cases, for flow_families.py. Sizes are as asked for (no bins of resolutions)."""

import torch
from diffusers import AutoencoderDC, DPMSolverMultistepScheduler, SanaPipeline, SanaTransformer2DModel
from flow_lumina2 import gemma2, write_gemma_tokenizer
from flow_parts import encoder_values, noise, randomise


def sana(folder):
    tokenizer = write_gemma_tokenizer(folder / "tokenizer")
    transformer = randomise(SanaTransformer2DModel(
        in_channels=8, out_channels=8, num_attention_heads=3, attention_head_dim=8, num_layers=2, num_cross_attention_heads=2, cross_attention_head_dim=8,
        cross_attention_dim=24, caption_channels=24, sample_size=8, qk_norm="rms_norm_across_heads",
    ), 2)  # fmt: skip
    for key, weight in transformer.named_parameters():
        # Random weights heed the text little, and tables are as large as what they are added to.
        if "attn2.to_v.weight" in key or "scale_shift_table" in key or "attn2.to_out.0.weight" in key:
            weight.data = (weight * 3).bfloat16().float()
    vae = AutoencoderDC(
        latent_channels=8, attention_head_dim=8, encoder_block_types=("ResBlock", "ResBlock", "EfficientViTBlock", "EfficientViTBlock"),
        decoder_block_types=("ResBlock", "ResBlock", "EfficientViTBlock", "EfficientViTBlock"), encoder_block_out_channels=(4, 8, 8, 16),
        decoder_block_out_channels=(4, 8, 8, 16), encoder_layers_per_block=(1, 1, 1, 1), decoder_layers_per_block=(1, 2, 1, 1),
        encoder_qkv_multiscales=((), (), (), ()), decoder_qkv_multiscales=((), (), (5,), (3, 5)), upsample_block_type="interpolate",
        downsample_block_type="conv", scaling_factor=0.41407,
    )  # fmt: skip
    scheduler = DPMSolverMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0)
    return SanaPipeline(tokenizer=tokenizer, text_encoder=gemma2(tokenizer), vae=randomise(vae, 3), transformer=transformer, scheduler=scheduler)


def networks(pipeline):
    yield encoder_values(pipeline.text_encoder, (-1,))
    transformer, vae = pipeline.transformer, pipeline.vae
    sample, text = noise((1, 8, 3, 6), 4), noise((1, 7, 24), 5)
    velocity = transformer(sample, text, torch.tensor([350.0]), return_dict=False)[0]
    yield "transformer", dict(sample=sample, text=text, timestep=torch.tensor([350.0])), dict(velocity=velocity.flatten(2))
    latent = noise((1, 8, 3, 4), 6)
    yield "vaeDecoder", dict(latent_sample=latent), dict(sample=vae.decode(latent).sample)
    picture = noise((1, 3, 24, 32), 7)
    yield "vaeEncoder", dict(sample=picture), dict(latents=vae.encode(picture).latent)


T2I = "SanaPipeline"
AS_ASKED = dict(call=dict(use_resolution_binning=False))
EULER = ("FlowMatchEulerDiscreteScheduler", dict(shift=3.0))

SANA = (sana, networks, [
    ("guided", T2I, dict(guidance_scale=4.5, count=2), AS_ASKED),
    ("negative", T2I, dict(guidance_scale=3.0, negative_prompt="  Blurry photo of a CAT"), AS_ASKED),
    ("unguided", T2I, dict(guidance_scale=1.0, seed=8), AS_ASKED),
    ("wide", T2I, dict(guidance_scale=1.0, width=96, height=32), AS_ASKED),
    ("more-steps", T2I, dict(guidance_scale=1.0, steps=11), AS_ASKED),
    ("first-version", T2I, dict(guidance_scale=3.0, seed=10), dict(**AS_ASKED, transformer=dict(qk_norm=None))),
    ("placed", T2I, dict(guidance_scale=1.0, width=96, height=64), dict(**AS_ASKED, transformer=dict(interpolation_scale=2.0))),
    ("scaled-time", T2I, dict(guidance_scale=1.0, seed=11), dict(**AS_ASKED, transformer=dict(timestep_scale=0.5))),
    ("long", T2I, dict(guidance_scale=3.0, prompt="  A Green dog, " * 150, negative_prompt="a blue cat " * 150), AS_ASKED),
    ("special", T2I, dict(guidance_scale=1.0, prompt="Ünï 3,14\n\n 猫 it's"), AS_ASKED),
    ("euler", T2I, dict(guidance_scale=3.0, seed=9), dict(**AS_ASKED, scheduler=EULER)),
])  # fmt: skip
