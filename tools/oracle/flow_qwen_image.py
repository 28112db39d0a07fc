"""A tiny random Qwen-Image, its networks' values and its cases, for flow_families.py."""

import torch
from diffusers import AutoencoderKLQwenImage, FlowMatchEulerDiscreteScheduler, QwenImagePipeline, QwenImageTransformer2DModel
from flow_parts import noise, randomise
from text_tokenizer import write_text_tokenizer
from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

SCHEDULE = dict(
    use_dynamic_shifting=True, base_shift=0.5, max_shift=0.9, base_image_seq_len=256, max_image_seq_len=8192, shift=1.0, shift_terminal=0.02,
)  # fmt: skip


def qwen_image(folder):
    tokenizer = write_text_tokenizer(folder / "tokenizer")
    config = Qwen2_5_VLConfig(
        text_config=dict(
            vocab_size=len(tokenizer) + 3, hidden_size=24, intermediate_size=40, num_hidden_layers=3, num_attention_heads=3, num_key_value_heads=1,
            rms_norm_eps=1e-6, rope_parameters=dict(rope_type="default", rope_theta=1e6, mrope_section=[1, 1, 2]),
        ),
        vision_config=dict(depth=1, hidden_size=8, num_heads=1, intermediate_size=8, out_hidden_size=24, fullatt_block_indexes=[0]),
        image_token_id=3, video_token_id=4, vision_start_token_id=5, vision_end_token_id=6,
    )  # fmt: skip
    encoder = randomise(Qwen2_5_VLForConditionalGeneration(config), 1)
    transformer = QwenImageTransformer2DModel(
        num_layers=2, attention_head_dim=16, num_attention_heads=2, joint_attention_dim=24, axes_dims_rope=(4, 6, 6),
    )  # fmt: skip
    randomise(transformer, 2)
    for key, weight in transformer.named_parameters():
        # Random weights heed the text little.
        if key.endswith("attn.add_v_proj.weight"):
            weight.data = (weight * 4).bfloat16().float()
    vae = randomise(AutoencoderKLQwenImage(base_dim=8, dim_mult=[1, 1, 2, 2], num_res_blocks=1), 3)
    vae.decoder.conv_out.weight.data = (vae.decoder.conv_out.weight * 0.5).bfloat16().float()
    return QwenImagePipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(**SCHEDULE), vae=vae, text_encoder=encoder, tokenizer=tokenizer,
        transformer=transformer,
    )  # fmt: skip


def networks(pipeline):
    transformer, vae = pipeline.transformer, pipeline.vae
    image, text = noise((1, 15, 64), 4), noise((1, 7, 24), 5)
    velocity = transformer(image, text, None, torch.tensor([0.35]), [[(1, 3, 5)]], return_dict=False)[0]
    angles = {}
    for name, freqs in zip(("image", "text"), transformer.pos_embed([[(1, 3, 5)]], max_txt_seq_len=7, device=image.device)):
        angles |= {f"{name}_cos": freqs.real, f"{name}_sin": freqs.imag}
    yield "transformer", dict(image=image, text=text, **angles, timestep=torch.tensor([350.0])), dict(velocity=velocity)
    latent, sample = noise((1, 16, 6, 4), 6), noise((1, 3, 48, 32), 7).clamp(-1, 1)
    # Without what decode does after the network: values beyond ±1 are cut.
    vae.clear_cache()
    mixed = vae.post_quant_conv(latent[:, :, None])
    decoded = vae.decoder(mixed, feat_cache=vae._feat_map, feat_idx=[0])[:, :, 0]
    yield "vaeDecoder", dict(latent_sample=latent), dict(sample=decoded)
    yield "vaeEncoder", dict(sample=sample), dict(moments=vae.encode(sample[:, :, None]).latent_dist.parameters[:, :, 0])


T2I, I2I, INPAINT = "QwenImagePipeline", "QwenImageImg2ImgPipeline", "QwenImageInpaintPipeline"
NEGATIVE = dict(true_cfg_scale=4.0, negative_prompt="blurry photo of a cat")

QWEN_IMAGE = (qwen_image, networks, [
    ("guided", T2I, dict(**NEGATIVE, count=2), {}),
    ("empty-negative", T2I, dict(true_cfg_scale=12.0, negative_prompt=""), {}),
    ("unguided", T2I, dict(true_cfg_scale=1.0), {}),
    ("wide", T2I, dict(true_cfg_scale=1.0, width=96, height=48), {}),
    ("long", T2I, dict(true_cfg_scale=1.0, prompt="a green dog, " * 150), {}),
    ("image-to-image", I2I, dict(**NEGATIVE, strength=0.6, count=2, steps=5), {}),
    ("inpaint", INPAINT, dict(true_cfg_scale=1.0, strength=1.0, count=2), {}),
    ("inpaint-partly", INPAINT, dict(**NEGATIVE, strength=0.7), {}),
])  # fmt: skip
