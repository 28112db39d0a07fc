"""Writes what the published flow models hold: names and shapes of their networks' tensors, of the reference's own classes.

They are made on the meta device from the published configurations: nothing is downloaded and no weight is made. The result is
packages/backend-local/fixtures/published-transformers.json.gz: by name the config and the tensors.

    python tools/oracle/published_transformers.py
"""

import gzip
import json
from pathlib import Path

import flow_names
import original_names
import torch
from diffusers import (
    AuraFlowTransformer2DModel,
    AutoencoderDC,
    AutoencoderKL,
    AutoencoderKLFlux2,
    AutoencoderKLQwenImage,
    AutoencoderKLQwenImage21,
    ChromaTransformer2DModel,
    Flux2Transformer2DModel,
    Flux3Transformer2DModel,
    FluxControlNetModel,
    FluxTransformer2DModel,
    Krea2Transformer2DModel,
    Lumina2Transformer2DModel,
    PixArtTransformer2DModel,
    QwenImage21Transformer2DModel,
    QwenImageControlNetModel,
    QwenImageTransformer2DModel,
    SanaTransformer2DModel,
    SD3ControlNetModel,
    SD3Transformer2DModel,
    ZImageControlNetModel,
    ZImageTransformer2DModel,
)
from diffusers.loaders import single_file_utils as single_file
from transformers import (
    Gemma2Config,
    Gemma2Model,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen3Config,
    Qwen3ForCausalLM,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
    T5Config,
    T5EncoderModel,
    UMT5Config,
    UMT5EncoderModel,
)

OUT = Path(__file__).parents[2] / "packages/backend-local/fixtures/published-transformers.json.gz"

QWEN3_4B = dict(
    hidden_size=2560, intermediate_size=9728, num_hidden_layers=36, num_attention_heads=32, num_key_value_heads=8, head_dim=128,
    vocab_size=151936, rope_theta=1000000, rms_norm_eps=1e-6, max_position_embeddings=40960, tie_word_embeddings=True,
)  # fmt: skip

QWEN3_8B = {**QWEN3_4B, "hidden_size": 4096, "intermediate_size": 12288, "tie_word_embeddings": False}
KLEIN_4B = dict(num_layers=5, num_single_layers=20, num_attention_heads=24, joint_attention_dim=7680, guidance_embeds=False)
KLEIN_9B = dict(num_layers=8, num_single_layers=24, num_attention_heads=32, joint_attention_dim=12288, guidance_embeds=False)
FLUX_VAE = dict(
    block_out_channels=(128, 256, 512, 512), down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
    layers_per_block=2, latent_channels=16, scaling_factor=0.3611, shift_factor=0.1159, use_quant_conv=False, use_post_quant_conv=False,
)  # fmt: skip

T5_XXL = dict(
    vocab_size=32128, d_model=4096, d_kv=64, d_ff=10240, num_layers=24, num_heads=64, feed_forward_proj="gated-gelu", is_encoder_decoder=False,
)  # fmt: skip
PILE_T5_XL = dict(vocab_size=32128, d_model=2048, d_kv=64, d_ff=5120, num_layers=24, num_heads=32, is_encoder_decoder=False)
#: transformers' classes, whose configs are objects
QWEN25_VL_7B = dict(
    text_config=dict(
        vocab_size=152064, hidden_size=3584, intermediate_size=18944, num_hidden_layers=28, num_attention_heads=28, num_key_value_heads=4,
        rms_norm_eps=1e-6, rope_parameters=dict(rope_type="default", rope_theta=1e6, mrope_section=[16, 24, 24]),
    ),
    vision_config=dict(depth=1, hidden_size=16, num_heads=1, intermediate_size=16, out_hidden_size=3584),
)  # fmt: skip
QWEN3_VL_4B = dict(
    tie_word_embeddings=True,
    text_config=dict(
        vocab_size=151936, hidden_size=2560, intermediate_size=9728, num_hidden_layers=36, num_attention_heads=32, num_key_value_heads=8, head_dim=128,
        rms_norm_eps=1e-6, max_position_embeddings=262144,
        rope_parameters=dict(rope_type="default", rope_theta=5e6, mrope_interleaved=True, mrope_section=[24, 20, 20]),
    ),
    vision_config=dict(
        depth=24, hidden_size=1024, intermediate_size=4096, num_heads=16, out_hidden_size=2560, deepstack_visual_indexes=[5, 11, 17],
    ),
)  # fmt: skip
QWEN3_VL_8B = dict(
    text_config={**QWEN3_VL_4B["text_config"], "hidden_size": 4096, "intermediate_size": 12288}, vision_config=dict(out_hidden_size=4096),
)  # fmt: skip
SD35_LARGE = dict(
    num_layers=38, num_attention_heads=38, caption_projection_dim=2432, pos_embed_max_size=192, qk_norm="rms_norm",
)  # fmt: skip
SD35_MEDIUM = dict(
    num_layers=24, num_attention_heads=24, caption_projection_dim=1536, pos_embed_max_size=384, qk_norm="rms_norm", dual_attention_layers=tuple(range(13)),
)  # fmt: skip
SD3_MEDIUM = dict(num_layers=24, num_attention_heads=24, caption_projection_dim=1536, pos_embed_max_size=192)
SANA_600M = dict(
    num_attention_heads=36, num_layers=28, num_cross_attention_heads=16, cross_attention_head_dim=72, cross_attention_dim=1152,
)  # fmt: skip
SANA_VAE = dict(
    encoder_block_types=(*("ResBlock",) * 3, *("EfficientViTBlock",) * 3), decoder_block_types=(*("ResBlock",) * 3, *("EfficientViTBlock",) * 3),
    encoder_qkv_multiscales=((),) * 6, upsample_block_type="interpolate", downsample_block_type="conv", scaling_factor=0.41407,
)  # fmt: skip
CONFIGS = {
    Qwen2_5_VLForConditionalGeneration: Qwen2_5_VLConfig, Qwen3VLForConditionalGeneration: Qwen3VLConfig, Qwen3ForCausalLM: Qwen3Config, Gemma2Model: Gemma2Config,
    T5EncoderModel: T5Config, UMT5EncoderModel: UMT5Config,
}  # fmt: skip

Z_CONTROL_2 = dict(control_layers_places=list(range(0, 30, 2)), control_refiner_layers_places=[0, 1], control_in_dim=33)

#: name: (class, config)
NETWORKS = {
    "z-image": (ZImageTransformer2DModel, {}),
    "flux2-klein-4b": (Flux2Transformer2DModel, KLEIN_4B),
    "flux2-klein-9b": (Flux2Transformer2DModel, KLEIN_9B),
    "flux-vae": (AutoencoderKL, FLUX_VAE),
    "flux1-dev": (FluxTransformer2DModel, dict(guidance_embeds=True)),
    "flux1-schnell": (FluxTransformer2DModel, {}),
    "flux1-fill": (FluxTransformer2DModel, dict(guidance_embeds=True, in_channels=384, out_channels=64)),
    "t5-xxl": (T5EncoderModel, T5_XXL),
    "sd3-medium": (SD3Transformer2DModel, SD3_MEDIUM),
    "sd3.5-medium": (SD3Transformer2DModel, SD35_MEDIUM),
    "sd3.5-large": (SD3Transformer2DModel, SD35_LARGE),
    "qwen-image": (QwenImageTransformer2DModel, {}),
    "chroma": (ChromaTransformer2DModel, {}),
    "pixart-sigma": (PixArtTransformer2DModel, dict(caption_channels=4096, use_additional_conditions=False, interpolation_scale=2)),
    "auraflow": (AuraFlowTransformer2DModel, dict(pos_embed_max_size=9216)),
    "pile-t5-xl": (UMT5EncoderModel, PILE_T5_XL),
    "sana-1600m": (SanaTransformer2DModel, {}),
    "sana-600m": (SanaTransformer2DModel, SANA_600M),
    "sana-1.5-4800m": (SanaTransformer2DModel, dict(num_layers=60, qk_norm="rms_norm_across_heads")),
    "sana-vae": (AutoencoderDC, SANA_VAE),
    "lumina2": (Lumina2Transformer2DModel, dict(cap_feat_dim=2304)),
    "gemma2-2b": (Gemma2Model, {}),
    "flux3-klein": (Flux3Transformer2DModel, dict(flow_map=True)),
    "flux3-klein-base": (Flux3Transformer2DModel, {}),
    "krea2": (Krea2Transformer2DModel, {}),
    "qwen-image-vae": (AutoencoderKLQwenImage, {}),
    "qwen-image-21": (QwenImage21Transformer2DModel, {}),
    "qwen-image-21-vae": (AutoencoderKLQwenImage21, {}),
    "qwen2.5-vl-7b": (Qwen2_5_VLForConditionalGeneration, QWEN25_VL_7B),
    "flux2-vae": (AutoencoderKLFlux2, {}),
    "qwen3-4b": (Qwen3ForCausalLM, QWEN3_4B),
    "qwen3-8b": (Qwen3ForCausalLM, QWEN3_8B),
    "qwen3-vl-4b": (Qwen3VLForConditionalGeneration, QWEN3_VL_4B),
    "qwen3-vl-8b": (Qwen3VLForConditionalGeneration, QWEN3_VL_8B),
    "flux1-union": (FluxControlNetModel, dict(num_layers=5, num_single_layers=10, num_mode=10, guidance_embeds=True)),
    "flux1-union-2.0": (FluxControlNetModel, dict(num_layers=6, num_single_layers=0, guidance_embeds=True)),
    "qwen-image-union": (QwenImageControlNetModel, dict(num_layers=5)),
    "sd3-canny": (SD3ControlNetModel, dict(num_layers=6, num_attention_heads=24, caption_projection_dim=1536, pos_embed_max_size=192)),
    "z-image-union": (ZImageControlNetModel, dict(control_layers_places=list(range(0, 30, 5)), control_in_dim=16)),
    "z-image-union-2.0": (ZImageControlNetModel, dict(**Z_CONTROL_2, add_control_noise_refiner="control_layers")),
    "z-image-union-2.1": (ZImageControlNetModel, dict(**Z_CONTROL_2, add_control_noise_refiner="control_noise_refiner")),
}


#: name: (the same tensors in the names that files have, and diffusers' converter of these)
ORIGINAL = {
    "z-image": (flow_names.z_image, single_file.convert_z_image_transformer_checkpoint_to_diffusers),
    "flux2-klein-4b": (flow_names.flux2, single_file.convert_flux2_transformer_checkpoint_to_diffusers),
    "flux1-dev": (flow_names.flux1, single_file.convert_flux_transformer_checkpoint_to_diffusers),
    "flux1-schnell": (flow_names.flux1, single_file.convert_flux_transformer_checkpoint_to_diffusers),
    "flux1-fill": (flow_names.flux1, single_file.convert_flux_transformer_checkpoint_to_diffusers),
    **{name: (flow_names.sd3, single_file.convert_sd3_transformer_checkpoint_to_diffusers) for name in ("sd3-medium", "sd3.5-medium", "sd3.5-large")},
    **{name: (flow_names.flux3, single_file.convert_flux3_transformer_checkpoint_to_diffusers) for name in ("flux3-klein", "flux3-klein-base")},
    "chroma": (flow_names.chroma, single_file.convert_chroma_transformer_checkpoint_to_diffusers),
    "pixart-sigma": (flow_names.pixart, None),
    "auraflow": (flow_names.auraflow, single_file.convert_auraflow_transformer_checkpoint_to_diffusers),
    "pile-t5-xl": (flow_names.gguf_t5, None),
    # What the places are is left out of the names here.
    **{name: (flow_names.sana, lambda state: single_file.convert_sana_transformer_to_diffusers({**state, "pos_embed": None})) for name in ("sana-1600m", "sana-600m")},
    "sana-1.5-4800m": (flow_names.sana, None),
    "krea2": (flow_names.krea2, single_file.convert_krea2_transformer_checkpoint_to_diffusers),
    "qwen-image-vae": (flow_names.wan_vae, single_file.convert_wan_vae_to_diffusers),
    "flux-vae": (lambda state: original_names.vae(state, 4), None),
    "flux2-vae": (lambda state: flow_names.flux2_vae(state, original_names.vae({k: v for k, v in state.items() if not k.startswith("bn.")}, 4)), None),
    "qwen3-4b": (flow_names.gguf_qwen3, None),
    "t5-xxl": (flow_names.gguf_t5, None),
}  # fmt: skip


def make(kind, config):
    with torch.device("meta"):
        return kind(CONFIGS[kind](**config)) if kind in CONFIGS else kind(**config)


def write():
    found = {}
    for name, (kind, config) in NETWORKS.items():
        network = make(kind, config)
        saved = {key: value for key, value in network.config.to_dict().items()} if kind in CONFIGS else dict(network.config)
        tensors = {key: list(value.shape) for key, value in network.state_dict().items()}
        original = {}
        if name in ORIGINAL:
            rename, convert = ORIGINAL[name]
            renamed = rename(network.state_dict())
            original = dict(original={key: list(value.shape) for key, value in renamed.items()})
            if convert is not None:
                back = {key: list(value.shape) for key, value in convert(renamed).items()}
                assert back == tensors, (name, set(back) ^ set(tensors))
        found[name] = dict(**original, config=saved, tensors=tensors, parameters=sum(p.numel() for p in network.parameters()))
        print(name, found[name]["parameters"], len(tensors))
    OUT.write_bytes(gzip.compress(json.dumps(found, separators=(",", ":"), default=str).encode(), 9, mtime=0))


if __name__ == "__main__":
    write()
