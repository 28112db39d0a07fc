"""Writes small random networks with diffusers and transformers, and what they compute.

Each case is a folder in packages/backend-local/fixtures/networks: config.json and weights as save_pretrained writes
them, and io.safetensors with the inputs (`in.<name>`) and outputs (`out.<name>`) that the graphs built in TypeScript
must reproduce. Run it again only when a case is added or changed; the files are committed.

    python tools/oracle/networks.py [case ...]
"""

import sys
from pathlib import Path

import torch
from diffusers import AutoencoderKL, AutoencoderTiny, UNet2DConditionModel, UNet2DModel
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

FOLDER = Path(__file__).parents[2] / "packages/backend-local/fixtures/networks"

UNETS = {
    # SD 1.x in small: one number of heads, convolutions as projections.
    "unet-sd1": dict(
        config=dict(
            block_out_channels=(16, 32),
            down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
            layers_per_block=1,
            cross_attention_dim=24,
            attention_head_dim=2,
            norm_num_groups=8,
            sample_size=8,
        ),
        dtype=torch.float16,
    ),
    # SD 2.x in small: heads by level, linear projections, three levels, cross-attention dimension of its own.
    "unet-sd2": dict(
        config=dict(
            block_out_channels=(8, 16, 24),
            down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
            layers_per_block=2,
            cross_attention_dim=20,
            attention_head_dim=(1, 2, 3),
            use_linear_projection=True,
            upcast_attention=True,
            norm_num_groups=4,
            sample_size=8,
        ),
        dtype=torch.bfloat16,
    ),
    # Mixed blocks: self-attention only at one level, layers by level, text at another, odd kernels and time options.
    "unet-mixed": dict(
        config=dict(
            in_channels=5,
            out_channels=3,
            block_out_channels=(8, 12, 16),
            down_block_types=("DownBlock2D", "AttnDownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "AttnUpBlock2D", "UpBlock2D"),
            mid_block_type="UNetMidBlock2D",
            layers_per_block=(1, 2, 1),
            transformer_layers_per_block=(1, 1, 2),
            only_cross_attention=(False, False, True),
            cross_attention_dim=12,
            attention_head_dim=4,
            norm_num_groups=4,
            norm_eps=1e-6,
            resnet_time_scale_shift="scale_shift",
            flip_sin_to_cos=False,
            freq_shift=1,
            center_input_sample=True,
            downsample_padding=0,
            conv_in_kernel=5,
            conv_out_kernel=1,
            act_fn="gelu",
            time_embedding_dim=20,
            sample_size=8,
        ),
        dtype=torch.float16,
    ),
    # SDXL in small: two-text conditioning by pooled text and sizes, depth by level, no attention at the first.
    "unet-sdxl": dict(
        config=dict(
            block_out_channels=(8, 16),
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            layers_per_block=1,
            transformer_layers_per_block=(1, 2),
            cross_attention_dim=16,
            attention_head_dim=(2, 4),
            use_linear_projection=True,
            addition_embed_type="text_time",
            addition_time_embed_dim=8,
            projection_class_embeddings_input_dim=6 * 8 + 10,
            norm_num_groups=4,
            sample_size=8,
        ),
        extra=dict(text_embeds=(2, 10), time_ids=(2, 6)),
        dtype=torch.float16,
    ),
    # Class labels (as the 4x upscaler has), guidance embedding (as LCM has), text projection.
    "unet-classes": dict(
        config=dict(
            in_channels=7,
            block_out_channels=(8,),
            down_block_types=("CrossAttnDownBlock2D",),
            up_block_types=("CrossAttnUpBlock2D",),
            layers_per_block=1,
            cross_attention_dim=8,
            attention_head_dim=2,
            num_class_embeds=10,
            time_cond_proj_dim=6,
            encoder_hid_dim=11,
            timestep_post_act="silu",
            norm_num_groups=4,
            sample_size=8,
        ),
        extra=dict(class_labels=(2,), timestep_cond=(2, 6)),
        dtype=torch.float32,
    ),
    # Class vectors beside the time embedding instead of added to it, and no middle.
    "unet-class-vectors": dict(
        config=dict(
            block_out_channels=(8,),
            down_block_types=("CrossAttnDownBlock2D",),
            up_block_types=("CrossAttnUpBlock2D",),
            mid_block_type=None,
            layers_per_block=1,
            cross_attention_dim=8,
            attention_head_dim=2,
            class_embed_type="projection",
            projection_class_embeddings_input_dim=5,
            class_embeddings_concat=True,
            time_embedding_act_fn="gelu",
            norm_num_groups=4,
            sample_size=8,
        ),
        extra=dict(class_labels=(2, 5)),
        dtype=torch.float16,
    ),
    # Classes embedded as timesteps are, transformer depth by layer, and a middle of another scale.
    "unet-depths": dict(
        config=dict(
            block_out_channels=(8, 8),
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            layers_per_block=2,
            transformer_layers_per_block=[[1, 1], [2, 1]],
            reverse_transformer_layers_per_block=[[1, 2, 1], [1, 1, 1]],
            cross_attention_dim=8,
            attention_head_dim=2,
            class_embed_type="timestep",
            mid_block_scale_factor=1.5,
            norm_num_groups=4,
            sample_size=8,
        ),
        extra=dict(class_labels=(2,)),
        dtype=torch.float16,
    ),
}

VAES = {
    # f = 8, 4 channels: SD's shape.
    "vae-f8": dict(
        config=dict(
            block_out_channels=(8, 8, 16, 16),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            layers_per_block=1,
            latent_channels=4,
            norm_num_groups=4,
            sample_size=32,
        ),
        dtype=torch.float16,
    ),
    # f = 4, 8 channels, no quantising convolutions, shift.
    "vae-f4": dict(
        config=dict(
            block_out_channels=(8, 12, 16),
            down_block_types=("DownEncoderBlock2D",) * 3,
            up_block_types=("UpDecoderBlock2D",) * 3,
            layers_per_block=2,
            latent_channels=8,
            norm_num_groups=4,
            sample_size=32,
            use_quant_conv=False,
            use_post_quant_conv=False,
            shift_factor=0.1,
        ),
        dtype=torch.float32,
    ),
    # f = 2, 16 channels, no attention in the middle, bf16.
    "vae-f2": dict(
        config=dict(
            block_out_channels=(8, 16),
            down_block_types=("DownEncoderBlock2D",) * 2,
            up_block_types=("UpDecoderBlock2D",) * 2,
            layers_per_block=1,
            latent_channels=16,
            norm_num_groups=4,
            sample_size=16,
            mid_block_add_attention=False,
        ),
        dtype=torch.bfloat16,
    ),
    # The names that attention's weights had before diffusers 0.18.
    "vae-old-names": dict(
        config=dict(block_out_channels=(8,), layers_per_block=1, latent_channels=4, norm_num_groups=4, sample_size=8),
        dtype=torch.float16,
        old_names=True,
    ),
}

PIXEL_UNETS = {
    # DDPM's networks in small: attention at one level, frequencies as Ho et al. 2020 have them, one head.
    "unet-ddpm": dict(
        config=dict(
            block_out_channels=(8, 8, 16),
            down_block_types=("DownBlock2D", "AttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "AttnUpBlock2D", "UpBlock2D"),
            layers_per_block=2,
            attention_head_dim=None,
            flip_sin_to_cos=False,
            freq_shift=1,
            downsample_padding=0,
            norm_eps=1e-6,
            norm_num_groups=4,
            sample_size=16,
        ),
        dtype=torch.float16,
    ),
    # Classes, another scale of the middle, scale and shift by the time, centred input, odd channels.
    "unet-ddpm-classes": dict(
        config=dict(
            in_channels=1,
            out_channels=2,
            center_input_sample=True,
            block_out_channels=(8, 16),
            down_block_types=("AttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "AttnUpBlock2D"),
            layers_per_block=1,
            attention_head_dim=4,
            mid_block_scale_factor=1.5,
            resnet_time_scale_shift="scale_shift",
            attn_norm_num_groups=2,
            norm_num_groups=4,
            num_class_embeds=10,
            act_fn="gelu",
            sample_size=8,
        ),
        dtype=torch.bfloat16,
    ),
    # Noise levels at random frequencies, as score-based models take them, with classes embedded likewise.
    "unet-fourier": dict(
        config=dict(
            block_out_channels=(8,),
            down_block_types=("AttnDownBlock2D",),
            up_block_types=("AttnUpBlock2D",),
            layers_per_block=1,
            attention_head_dim=8,
            time_embedding_type="fourier",
            add_attention=False,
            norm_num_groups=4,
            sample_size=8,
            class_embed_type="timestep",
        ),
        dtype=torch.float32,
    ),
}

TINY_VAES = {
    # TAESD's shape in small, and one of other counts, 16 channels and another activation.
    "vae-tiny": dict(
        config=dict(encoder_block_out_channels=(8,) * 4, decoder_block_out_channels=(8,) * 4), dtype=torch.float16
    ),
    "vae-tiny-16": dict(
        config=dict(
            encoder_block_out_channels=(8, 8), decoder_block_out_channels=(8, 8), num_encoder_blocks=(2, 1),
            num_decoder_blocks=(1, 2), latent_channels=16, act_fn="silu",
        ),
        dtype=torch.float32,
    ),
}

TEXT = dict(vocab_size=64, max_position_embeddings=16, bos_token_id=62, pad_token_id=63)
TEXTS = {
    "clip-quick-gelu": dict(
        model=CLIPTextModel,
        config=dict(
            **TEXT, hidden_size=24, intermediate_size=48, num_hidden_layers=3, num_attention_heads=2,
            hidden_act="quick_gelu", eos_token_id=2,
        ),
        dtype=torch.float16,
    ),
    "clip-projection": dict(
        model=CLIPTextModelWithProjection,
        config=dict(
            **TEXT, hidden_size=32, intermediate_size=40, num_hidden_layers=2, num_attention_heads=4,
            hidden_act="gelu", eos_token_id=63, projection_dim=20, layer_norm_eps=1e-6,
        ),
        dtype=torch.bfloat16,
    ),
}


def randomise(model, seed, dtype):
    """Random weights of every kind (norms and biases too), at a scale that keeps activations near 1."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        if parameter.dim() == 1 and "time_proj" not in name:
            value = 1 + 0.1 * noise if "norm" in name and name.endswith("weight") else 0.1 * noise
        elif "embed" in name and "linear" not in name:
            value = 0.5 * noise
        else:
            value = noise / parameter[0].numel() ** 0.5
        # What is stored is what is computed with, in float32.
        parameter.data = value.to(dtype).float()
    return model.eval()


def save(model, name, dtype, tensors):
    folder = FOLDER / name
    model.to(dtype).save_pretrained(folder)
    save_file({key: value.contiguous() for key, value in tensors.items()}, folder / "io.safetensors")
    print(f"{name}: {sum(p.numel() for p in model.parameters())} parameters")


def noise(shape, seed):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def write_unet(name, case):
    config, dtype = case["config"], case["dtype"]
    model = randomise(UNet2DConditionModel(**config), 1, dtype)
    text = config.get("encoder_hid_dim") or config["cross_attention_dim"]
    # Odd sizes exercise the rounding on the way down; AttnUpBlock2D cannot undo it in diffusers.
    height, width = (8, 12) if "AttnUpBlock2D" in config["up_block_types"] else (10, 9)
    inputs = dict(
        sample=noise((2, config.get("in_channels", 4), height, width), 2),
        timestep=torch.tensor([981.0, 17.5]),
        encoder_hidden_states=noise((2, 7, text), 3),
    )
    extra = {key: noise(shape, 4) for key, shape in case.get("extra", {}).items()}
    if "time_ids" in extra:
        extra["time_ids"] = torch.tensor([[512.0, 512, 0, 0, 512, 512], [768, 640, 8, 16, 1024, 1024]])
    if "num_class_embeds" in config:
        extra["class_labels"] = torch.tensor([3, 9], dtype=torch.int32)
    added = {key: extra[key] for key in ("text_embeds", "time_ids") if key in extra}
    with torch.no_grad():
        output = model(
            **inputs,
            class_labels=extra.get("class_labels"),
            timestep_cond=extra.get("timestep_cond"),
            added_cond_kwargs=added or None,
        ).sample
    tensors = {f"in.{key}": value for key, value in {**inputs, **extra}.items()}
    save(model, name, dtype, {**tensors, "out.out_sample": output})


def write_vae(name, case):
    config, dtype = case["config"], case["dtype"]
    model = randomise(AutoencoderKL(**config), 1, dtype)
    f = 2 ** (len(config["block_out_channels"]) - 1)
    image = noise((1, 3, 3 * f, 2 * f), 2)
    latent = noise((2, config["latent_channels"], 3, 2), 3)
    with torch.no_grad():
        moments = model.encode(image).latent_dist.parameters
        sample = model.decode(latent).sample
    tensors = {"in.sample": image, "out.moments": moments, "in.latent_sample": latent, "out.sample": sample}
    save(model, name, dtype, tensors)
    if case.get("old_names"):
        path = FOLDER / name / "diffusion_pytorch_model.safetensors"
        old = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
        renamed = {}
        for key, value in load_file(path).items():
            for new_name, old_name in old.items():
                key = key.replace(f"attentions.0.{new_name}.", f"attentions.0.{old_name}.")
            renamed[key] = value
        save_file(renamed, path)


def write_pixel_unet(name, case):
    config, dtype = case["config"], case["dtype"]
    model = randomise(UNet2DModel(**config), 1, dtype)
    fourier = config.get("time_embedding_type") == "fourier"
    inputs = dict(
        sample=noise((2, config.get("in_channels", 3), 8, 12), 2),
        timestep=torch.tensor([80.0, 0.3]) if fourier else torch.tensor([981.0, 17.0]),
    )
    if "num_class_embeds" in config:
        inputs["class_labels"] = torch.tensor([3, 9], dtype=torch.int32)
    elif config.get("class_embed_type") == "timestep":
        inputs["class_labels"] = torch.tensor([4.0, 11.0])
    with torch.no_grad():
        output = model(**inputs).sample
    save(model, name, dtype, {**{f"in.{key}": value for key, value in inputs.items()}, "out.out_sample": output})


def write_tiny_vae(name, case):
    config, dtype = case["config"], case["dtype"]
    model = randomise(AutoencoderTiny(**config), 1, dtype)
    f = 2 ** (len(config["encoder_block_out_channels"]) - 1)
    image, latent = noise((1, 3, 3 * f, 2 * f), 2), 3 * noise((2, config.get("latent_channels", 4), 3, 2), 3)
    with torch.no_grad():
        latents, sample = model.encode(image).latents, model.decode(latent).sample
    tensors = {"in.sample": image, "out.latents": latents, "in.latent_sample": latent, "out.sample": sample}
    save(model, name, dtype, tensors)


def write_text(name, case):
    config, dtype = case["config"], case["dtype"]
    model = randomise(case["model"](CLIPTextConfig(**config)), 1, dtype)
    # The end-of-text token is the greatest id, and it may come again as padding.
    ids = torch.tensor([[62, 5, 17, 8, 63, 63, 63, 63, 63], [62, 40, 1, 2, 3, 33, 34, 21, 63]], dtype=torch.int32)
    with torch.no_grad():
        output = model(input_ids=ids, output_hidden_states=True)
        norm = (model.text_model if hasattr(model, "text_model") else model).final_layer_norm
        skipped = norm(output.hidden_states[-2])
    tensors = {"in.input_ids": ids, "out.last_hidden_state": output.last_hidden_state, "out.clip_skip.1": skipped}
    if hasattr(output, "text_embeds"):
        tensors["out.text_embeds"] = output.text_embeds
    else:
        tensors["out.pooler_output"] = output.pooler_output
    for i, state in enumerate(output.hidden_states[:-1]):
        tensors[f"out.hidden_states.{i}"] = state
    save(model, name, dtype, tensors)


if __name__ == "__main__":
    wanted = sys.argv[1:]
    groups = (
        (UNETS, write_unet), (VAES, write_vae), (TEXTS, write_text), (PIXEL_UNETS, write_pixel_unet), (TINY_VAES, write_tiny_vae),
    )  # fmt: skip
    for cases, write in groups:
        for name, case in cases.items():
            if not wanted or name in wanted:
                write(name, case)
