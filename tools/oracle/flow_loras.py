"""Writes LoRAs of the tiny flow models, in diffusers' naming and in that of other programs, and diffusers' pictures with them.

packages/backend-local/fixtures/loras/flow/<model>-{diffusers,other}.safetensors are the same LoRA twice: layers of the other naming that make
queries, keys and values at once have one `down` for all, and so have diffusers' here. pictures.safetensors: `<model>`, U8 [height, width, 3].

    python tools/oracle/flow_loras.py
"""

from pathlib import Path

import diffusers
import numpy as np
import torch
from flow_families import OURS, PROMPT
from families import FOLDER
from networks import noise
from safetensors.torch import save_file
from saved import load

OUT = Path(__file__).parents[2] / "packages/backend-local/fixtures/loras/flow"
RANK, ALPHA = 2, 4.0
QKV, ADD = ("to_q", "to_k", "to_v"), ("add_q_proj", "add_k_proj", "add_v_proj")

#: model: (pipeline, call, layers: (diffusers' names, the other's), the other's naming)
MODELS = {
    "flux1": ("FluxPipeline", dict(guidance_scale=3.5), [
        ([f"transformer_blocks.0.attn.{part}" for part in QKV], "double_blocks_0_img_attn_qkv"),
        ([f"transformer_blocks.0.attn.{part}" for part in ADD], "double_blocks_0_txt_attn_qkv"),
        (["transformer_blocks.0.ff.net.2"], "double_blocks_0_img_mlp_2"),
        ([f"single_transformer_blocks.1.{part}" for part in ("attn.to_q", "attn.to_k", "attn.to_v", "proj_mlp")], "single_blocks_1_linear1"),
        (["single_transformer_blocks.1.proj_out"], "single_blocks_1_linear2"),
    ], "kohya"),
    "z-image": ("ZImagePipeline", dict(guidance_scale=0.0), [
        ([f"layers.1.attention.{part}" for part in QKV], "layers.1.attention.qkv"),
        (["layers.1.attention.to_out.0"], "layers.1.attention.out"),
        (["layers.0.feed_forward.w2"], "layers.0.feed_forward.w2"),
    ], "comfyui"),
    "krea2": ("Krea2Pipeline", dict(guidance_scale=0.0), [
        *[([f"transformer_blocks.0.attn.{own}"], f"blocks.0.attn.{name}") for own, name in (("to_q", "wq"), ("to_gate", "gate"), ("to_out.0", "wo"))],
        (["transformer_blocks.1.ff.up"], "blocks.1.mlp.up"),
        (["text_fusion.layerwise_blocks.0.attn.to_v"], "txtfusion.layerwise_blocks.0.attn.wv"),
        (["txt_in.linear_2"], "txtmlp.3"),
    ], "comfyui"),
    "chroma": ("ChromaPipeline", dict(guidance_scale=1.0), [
        ([f"transformer_blocks.0.attn.{part}" for part in QKV], "double_blocks_0_img_attn_qkv"),
        (["transformer_blocks.0.ff_context.net.2"], "double_blocks_0_txt_mlp_2"),
        (["single_transformer_blocks.1.proj_out"], "single_blocks_1_linear2"),
    ], "kohya"),
    "pixart-sigma": ("PixArtSigmaPipeline", dict(guidance_scale=3.0, use_resolution_binning=False, clean_caption=False), [
        ([f"transformer_blocks.0.attn1.{part}" for part in QKV], "blocks_0_attn_qkv"),
        ([f"transformer_blocks.0.attn2.{part}" for part in ("to_k", "to_v")], "blocks_0_cross_attn_kv_linear"),
        (["transformer_blocks.0.ff.net.2"], "blocks_0_mlp_fc2"),
    ], "kohya"),
    # Other programs' names have no layers as narrow as these for keys and values.
    "lumina2": ("Lumina2Pipeline", dict(guidance_scale=1.0), [
        ([each], each) for each in ("layers.1.attn.to_q", "layers.0.attn.to_k", "noise_refiner.0.attn.to_out.0", "layers.1.feed_forward.linear_2")
    ], "comfyui"),
    "sana": ("SanaPipeline", dict(guidance_scale=1.0, use_resolution_binning=False), [
        ([f"transformer_blocks.0.attn1.{part}" for part in QKV], "blocks_0_attn_qkv"),
        ([f"transformer_blocks.0.attn2.{part}" for part in ("to_k", "to_v")], "blocks_0_cross_attn_kv_linear"),
        (["transformer_blocks.1.ff.conv_inverted"], "blocks_1_mlp_inverted_conv_conv"),
        (["transformer_blocks.1.ff.conv_point"], "blocks_1_mlp_point_conv_conv"),
    ], "kohya"),
    "auraflow": ("AuraFlowPipeline", dict(guidance_scale=1.0), [
        *[([f"joint_transformer_blocks.0.{own}"], f"double_layers_0_{name}") for own, name in (
            ("attn.to_q", "attn_w2q"), ("attn.add_v_proj", "attn_w1v"), ("ff_context.linear_2", "mlpC_c_fc2"),
        )],
        *[([f"single_transformer_blocks.1.{own}"], f"single_layers_1_{name}") for own, name in (("attn.to_out.0", "attn_w1o"), ("ff.out_projection", "mlp_c_proj"))],
    ], "kohya"),
    "flux3": ("Flux3Pipeline", {}, [
        *[([f"single_transformer_blocks.1.{own}"], f"single_blocks.1.{name}") for own, name in (
            ("attn.to_q", "q_proj"), ("attn.to_out.0", "attn_out"), ("ff.linear_in", "mlp_in"),
        )],
        (["mode_blocks.image.0.attn.to_v"], "content_mode_blocks.image.0.v_proj"),
        (["txt_mode_blocks.0.ff.linear_out"], "txt_mode_blocks.0.mlp_out"),
    ], "comfyui"),
    "stable-diffusion-3": ("StableDiffusion3Pipeline", dict(guidance_scale=3.0), [
        ([f"transformer_blocks.0.attn.{part}" for part in QKV], "joint_blocks_0_x_block_attn_qkv"),
        ([f"transformer_blocks.0.attn2.{part}" for part in QKV], "joint_blocks_0_x_block_attn2_qkv"),
        (["transformer_blocks.1.ff_context.net.0.proj"], "joint_blocks_1_context_block_mlp_fc1"),
    ], "kohya"),
}  # fmt: skip


@torch.no_grad()
def main():
    OUT.mkdir(parents=True, exist_ok=True)
    pictures = {}
    for model, (kind, call, layers, naming) in MODELS.items():
        pipeline = load(OURS.get(kind) or OURS.get(f"Hiding{kind}") or getattr(diffusers, kind), FOLDER / model)
        weights = dict(pipeline.transformer.named_parameters())
        own, other = {}, {}
        for i, (names, name) in enumerate(layers):
            down = noise((RANK, weights[f"{names[0]}.weight"].shape[1]), 20 + i) * 0.4
            # Kernels of one square.
            shaped = (lambda tensor: tensor[..., None, None]) if weights[f"{names[0]}.weight"].dim() == 4 else (lambda tensor: tensor)
            ups = [noise((weights[f"{each}.weight"].shape[0], RANK), 40 + 10 * i + k) * 0.4 for k, each in enumerate(names)]
            for each, up in zip(names, ups):
                own |= {f"transformer.{each}.lora_A.weight": shaped(down).clone(), f"transformer.{each}.lora_B.weight": shaped(up * ALPHA / RANK)}
            fused, down = shaped(torch.cat(ups)), shaped(down)
            if naming == "kohya":
                start = f"lora_unet_{name}"
                other |= {f"{start}.lora_down.weight": down, f"{start}.lora_up.weight": fused, f"{start}.alpha": torch.tensor(ALPHA)}
            else:
                start = f"diffusion_model.{name}"
                other |= {f"{start}.lora_A.weight": down, f"{start}.lora_B.weight": fused * ALPHA / RANK}
        save_file({key: value.contiguous() for key, value in own.items()}, OUT / f"{model}-diffusers.safetensors")
        save_file({key: value.contiguous() for key, value in other.items()}, OUT / f"{model}-other.safetensors")
        if hasattr(pipeline, "load_lora_weights"):
            pipeline.load_lora_weights(OUT, weight_name=f"{model}-diffusers.safetensors", adapter_name="own")
        else:
            for name, up in own.items():
                if name.endswith(".lora_B.weight"):
                    layer = name.removesuffix(".lora_B.weight")
                    weights[f"{layer.removeprefix('transformer.')}.weight"] += up @ own[f"{layer}.lora_A.weight"]
        result = pipeline(
            prompt=PROMPT, **call, width=64, height=64, num_inference_steps=4, generator=torch.Generator().manual_seed(7), output_type="np"
        ).images[0]  # fmt: skip
        print(model, result.mean(), result.std())
        pictures[model] = torch.from_numpy(np.ascontiguousarray((result * 255).round().astype(np.uint8)))
    save_file(pictures, OUT / "pictures.safetensors")


if __name__ == "__main__":
    main()
