"""A tiny random Qwen-Image 2.1, its networks' values and its cases, for flow_families.py. transformers' processors need torchvision."""

import tempfile
from pathlib import Path

import torch
from diffusers import AutoencoderKLQwenImage21, FlowMatchEulerDiscreteScheduler, QwenImage21Pipeline, QwenImage21Transformer2DModel
from diffusers.models.transformers.transformer_qwenimage21 import QwenImage21KVCache
from flow_parts import noise, qwen3_vl, randomise
from text_tokenizer import PICTURES, write_text_tokenizer
from transformers import Qwen2VLImageProcessor, Qwen3VLForConditionalGeneration, Qwen3VLProcessor, Qwen3VLVideoProcessor

#: What Qwen3-VL's template writes for messages of texts alone.
TEMPLATE = (
    "{%- for message in messages %}{{- '<|im_start|>' + message.role + '\\n' }}{%- for part in message.content %}{{- part.text }}{%- endfor %}"
    "{{- '<|im_end|>\\n' }}{%- endfor %}"
)
CHANNELS = 16


def qwen_image_21(folder):
    # The processor saves it with its own settings.
    with tempfile.TemporaryDirectory() as room:
        tokenizer = write_text_tokenizer(Path(room), PICTURES)
    encoder = qwen3_vl(tokenizer, Qwen3VLForConditionalGeneration, layers=3)
    transformer = QwenImage21Transformer2DModel(
        in_channels=CHANNELS, out_channels=CHANNELS, num_layers=3, attention_head_dim=16, num_attention_heads=2, context_in_dim=8, axes_dims_rope=(4, 6, 6),
    )  # fmt: skip
    randomise(transformer, 2)
    for key, weight in transformer.named_parameters():
        # Its norm's weight is what is added to 1; random weights heed the text little.
        if key.endswith("text_norm.weight"):
            weight.data = (weight - 1).bfloat16().float()
        if key.endswith("txt_in.out_layer.weight"):
            weight.data = (weight * 4).bfloat16().float()
    vae = AutoencoderKLQwenImage21(
        base_dim=8, decoder_base_dim=12, z_dim=CHANNELS, dim_mult=[1, 1, 2, 2, 2], num_res_blocks=1,
        latents_mean=[round(0.1 * i - 0.8, 2) for i in range(CHANNELS)], latents_std=[round(0.7 + 0.05 * i, 2) for i in range(CHANNELS)],
    )  # fmt: skip
    randomise(vae, 3)
    vae.decoder.conv_out.weight.data = (vae.decoder.conv_out.weight * 0.3).bfloat16().float()
    scheduler = FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True, base_shift=0.5, max_shift=0.9, max_image_seq_len=8192, shift_terminal=0.02)
    processor = Qwen3VLProcessor(Qwen2VLImageProcessor(patch_size=16), tokenizer, Qwen3VLVideoProcessor(), chat_template=TEMPLATE)
    return QwenImage21Pipeline(scheduler=scheduler, vae=vae, text_encoder=encoder, processor=processor, transformer=transformer)


def networks(pipeline):
    transformer, vae = pipeline.transformer, pipeline.vae
    image, text = noise((1, 24, CHANNELS), 4), noise((1, 7, 8), 5)
    cache = QwenImage21KVCache(3)
    marks = (torch.arange(7 + 6) >= 7)[None]
    shapes = [[(1, 4, 6)]]
    velocity = transformer(image, text, torch.tensor([0.35]), shapes, marks, kv_cache=cache, kv_cache_mode="extract", return_dict=False)[0][:, 7:]
    angles = transformer.pos_embed(shapes[0], torch.arange(7 + 24) >= 7, device=image.device)
    states = {}
    for i, layer in enumerate(cache.layer_caches):
        states |= {f"key_{i}": layer.k.flatten(2), f"value_{i}": layer.v.flatten(2)}
    yield "textTransformer", dict(text=text, cos=angles[:7].real, sin=angles[:7].imag), states
    places = dict(cos=angles[7:].real, sin=angles[7:].imag)
    yield "transformer", dict(image=image, timestep=torch.tensor([350.0]), **places, **{key: value.clone() for key, value in states.items()}), dict(velocity=velocity)
    latent, sample = noise((1, CHANNELS, 6, 4), 6), noise((1, 4, 64, 32), 7).clamp(-1, 1)
    # Without what decode does after the network: values beyond ±1 are cut.
    vae.clear_cache()
    decoded = vae.decoder(vae.post_quant_conv(latent[:, :, None]), feat_cache=vae._feat_map, feat_idx=[0], first_chunk=True)[:, :, 0]
    yield "vaeDecoder", dict(latent_sample=latent), dict(sample=decoded)
    yield "vaeEncoder", dict(sample=sample), dict(moments=vae.encode(sample[:, :, None]).latent_dist.parameters[:, :, 0])


T2I = "QwenImage21Pipeline"
QWEN_IMAGE_21 = (qwen_image_21, networks, [
    ("plain", T2I, dict(count=2), {}),
    ("guided", T2I, dict(true_cfg_scale=3.0, negative_prompt="blurry photo of a cat"), {}),
    ("empty-negative", T2I, dict(true_cfg_scale=5.0, negative_prompt=""), {}),
    ("wide", T2I, dict(width=128, height=64), {}),
    ("long", T2I, dict(prompt="a green dog, " * 60), {}),
    ("own-levels", T2I, dict(seed=9), dict(index=dict(sample_sigmas=[1.0, 0.9, 0.6, 0.2]))),
])  # fmt: skip
