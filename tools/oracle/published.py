"""Writes what the real models hold: names and shapes of their tensors in diffusers' and in the original naming.

The reference's own classes make the networks on the meta device from their published configurations: nothing is downloaded and
no weight is made. The result is packages/backend-local/fixtures/published.json.gz: for each model its configs and, under
`original`, the tensors of its single-file checkpoint.

    python tools/oracle/published.py
"""

import gzip
import json
from pathlib import Path

import original_names
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

OUT = Path(__file__).parents[2] / "packages/backend-local/fixtures/published.json.gz"
CROSS, PLAIN = "CrossAttnDownBlock2D", "DownBlock2D"
CROSS_UP, PLAIN_UP = "CrossAttnUpBlock2D", "UpBlock2D"

SD1 = dict(
    sample_size=64, in_channels=4, out_channels=4, layers_per_block=2, block_out_channels=[320, 640, 1280, 1280],
    down_block_types=[CROSS, CROSS, CROSS, PLAIN], up_block_types=[PLAIN_UP, CROSS_UP, CROSS_UP, CROSS_UP],
    cross_attention_dim=768, attention_head_dim=8,
)  # fmt: skip
SD2 = {**SD1, "sample_size": 96, "cross_attention_dim": 1024, "attention_head_dim": [5, 10, 20, 20], "use_linear_projection": True}
XL = dict(
    sample_size=128, in_channels=4, out_channels=4, layers_per_block=2, block_out_channels=[320, 640, 1280],
    down_block_types=[PLAIN, CROSS, CROSS], up_block_types=[CROSS_UP, CROSS_UP, PLAIN_UP],
    transformer_layers_per_block=[1, 2, 10], cross_attention_dim=2048, attention_head_dim=[5, 10, 20],
    use_linear_projection=True, addition_embed_type="text_time", addition_time_embed_dim=256,
    projection_class_embeddings_input_dim=2816,
)  # fmt: skip
REFINER = {
    **XL, "block_out_channels": [384, 768, 1536, 1536], "down_block_types": [PLAIN, CROSS, CROSS, PLAIN],
    "up_block_types": [PLAIN_UP, CROSS_UP, CROSS_UP, PLAIN_UP], "transformer_layers_per_block": 4,
    "cross_attention_dim": 1280, "attention_head_dim": [6, 12, 24, 24], "projection_class_embeddings_input_dim": 2560,
}  # fmt: skip
UPSCALER = dict(
    sample_size=128, in_channels=7, out_channels=4, layers_per_block=2, block_out_channels=[256, 512, 512, 1024],
    down_block_types=[PLAIN, CROSS, CROSS, CROSS], up_block_types=[CROSS_UP, CROSS_UP, CROSS_UP, PLAIN_UP],
    only_cross_attention=[True, True, True, False], cross_attention_dim=1024, attention_head_dim=8,
    use_linear_projection=True, num_class_embeds=1000,
)  # fmt: skip
VAE = dict(
    in_channels=3, out_channels=3, latent_channels=4, layers_per_block=2, block_out_channels=[128, 256, 512, 512],
    down_block_types=["DownEncoderBlock2D"] * 4, up_block_types=["UpDecoderBlock2D"] * 4, scaling_factor=0.18215,
)  # fmt: skip
VAE_XL = {**VAE, "scaling_factor": 0.13025}
VAE_F4 = {
    **VAE, "block_out_channels": [128, 256, 512], "down_block_types": ["DownEncoderBlock2D"] * 3,
    "up_block_types": ["UpDecoderBlock2D"] * 3, "scaling_factor": 0.08333,
}  # fmt: skip

CLIP_L = dict(
    vocab_size=49408, hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12,
    hidden_act="quick_gelu", projection_dim=768,
)  # fmt: skip
CLIP_H = {**CLIP_L, "hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "num_attention_heads": 16, "hidden_act": "gelu", "projection_dim": 1024}
CLIP_G = {**CLIP_L, "hidden_size": 1280, "intermediate_size": 5120, "num_hidden_layers": 32, "num_attention_heads": 20, "hidden_act": "gelu", "projection_dim": 1280}

#: unet, vae, and the text encoders with the prefix that each has in a single file.
MODELS = {
    "sd1.5": (SD1, VAE, {"cond_stage_model.transformer.": CLIP_L}),
    "sd1.5-inpainting": ({**SD1, "in_channels": 9}, VAE, {"cond_stage_model.transformer.": CLIP_L}),
    "instruct-pix2pix": ({**SD1, "in_channels": 8}, VAE, {"cond_stage_model.transformer.": CLIP_L}),
    "sd2.1": (SD2, VAE, {"cond_stage_model.model.": CLIP_H}),
    "sd2-inpainting": ({**SD2, "in_channels": 9, "sample_size": 64}, VAE, {"cond_stage_model.model.": CLIP_H}),
    "sdxl-base": (XL, VAE_XL, {"conditioner.embedders.0.transformer.": CLIP_L, "conditioner.embedders.1.model.": CLIP_G}),
    "sdxl-inpainting": ({**XL, "in_channels": 9}, VAE_XL, {"conditioner.embedders.0.transformer.": CLIP_L, "conditioner.embedders.1.model.": CLIP_G}),
    "sdxl-refiner": (REFINER, VAE_XL, {"conditioner.embedders.0.model.": CLIP_G}),
    "x4-upscaler": (UPSCALER, VAE_F4, {"cond_stage_model.model.": CLIP_H}),
}  # fmt: skip


def shapes(state):
    return {name: list(tensor.shape) for name, tensor in state.items()}


def write():
    models = {}
    for name, (unet_config, vae_config, texts) in MODELS.items():
        with torch.device("meta"):
            unet, vae = UNet2DConditionModel(**unet_config), AutoencoderKL(**vae_config)
            encoders = {}
            for prefix, config in texts.items():
                # OpenCLIP saves the whole encoder, its projection included; of CLIP-L, files have the transformer alone.
                kind = CLIPTextModelWithProjection if ".model." in prefix else CLIPTextModel
                encoders[prefix] = kind(CLIPTextConfig(**config))
        original = {
            **original_names.prefixed("model.diffusion_model.", original_names.unet(unet.state_dict(), 2)),
            **original_names.prefixed("first_stage_model.", original_names.vae(vae.state_dict(), len(vae_config["block_out_channels"]))),
        }
        for prefix, encoder in encoders.items():
            own = original_names.text if prefix.endswith("transformer.") else original_names.open_clip
            original.update(original_names.prefixed(prefix, own(encoder.state_dict())))
        models[name] = dict(
            unet=unet_config, vae=vae_config, texts=list(texts.values()), original=shapes(original),
            diffusers=dict(unet=shapes(unet.state_dict()), vae=shapes(vae.state_dict())),
            parameters=dict(unet=sum(p.numel() for p in unet.parameters()), vae=sum(p.numel() for p in vae.parameters())),
        )  # fmt: skip
        print(name, models[name]["parameters"], len(original))
    OUT.write_bytes(gzip.compress(json.dumps(models, separators=(",", ":")).encode(), 9, mtime=0))


if __name__ == "__main__":
    write()
