"""Names of the original checkpoints (CompVis' latent-diffusion, Stability's generative-models, OpenCLIP) from diffusers' names.

Each function takes a state dict in diffusers' (or transformers') names and gives one in the original's; how well they do is seen
by diffusers' own `from_single_file`, which reads what they write (single_files.py).
"""

import torch

RESNET = {
    "norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1", "norm2": "out_layers.0",
    "conv2": "out_layers.3", "conv_shortcut": "skip_connection",
}  # fmt: skip


def rename(name, pairs):
    for old, new in pairs.items():
        if name.startswith(old + "."):
            return new + name[len(old) :]
    return name


def unet(state, layers_per_block):
    """A UNet2DConditionModel's tensors as `input_blocks`, `middle_block`, `output_blocks`."""
    head = {
        "time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2", "conv_in": "input_blocks.0.0",
        "conv_norm_out": "out.0", "conv_out": "out.2", "class_embedding": "label_emb",
        "add_embedding.linear_1": "label_emb.0.0", "add_embedding.linear_2": "label_emb.0.2",
    }  # fmt: skip
    attends = {name.rsplit(".attentions", 1)[0] for name in state if ".attentions." in name}
    result = {}
    for name, tensor in state.items():
        parts = name.split(".")
        if parts[0] == "down_blocks":
            block, kind, layer = int(parts[1]), parts[2], int(parts[3])
            place = 1 + block * (layers_per_block + 1) + (layer if kind != "downsamplers" else layers_per_block)
            rest = ".".join(parts[4:])
            if kind == "resnets":
                own = f"input_blocks.{place}.0.{rename(rest, RESNET)}"
            elif kind == "attentions":
                own = f"input_blocks.{place}.1.{rest}"
            else:
                own = f"input_blocks.{place}.0.op.{rest.removeprefix('conv.')}"
        elif parts[0] == "up_blocks":
            block, kind, layer = int(parts[1]), parts[2], int(parts[3])
            place = block * (layers_per_block + 1) + (layer if kind != "upsamplers" else layers_per_block)
            rest = ".".join(parts[4:])
            if kind == "resnets":
                own = f"output_blocks.{place}.0.{rename(rest, RESNET)}"
            elif kind == "attentions":
                own = f"output_blocks.{place}.1.{rest}"
            else:
                own = f"output_blocks.{place}.{2 if f'up_blocks.{block}' in attends else 1}.{rest}"
        elif parts[0] == "mid_block":
            kind, layer, rest = parts[1], int(parts[2]), ".".join(parts[3:])
            own = f"middle_block.1.{rest}" if kind == "attentions" else f"middle_block.{2 * layer}.{rename(rest, RESNET)}"
        else:
            own = rename(name, head)
        result[own] = tensor
    return result


def vae(state, levels):
    """An AutoencoderKL's tensors as `encoder.down`, `encoder.mid`, `decoder.up`; attention's weights are 1×1 convolutions."""
    attention = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}
    result = {}
    for name, tensor in state.items():
        parts = name.split(".")
        if parts[1] == "down_blocks":
            own = f"encoder.down.{parts[2]}."
            own += f"block.{parts[4]}." + ".".join(parts[5:]) if parts[3] == "resnets" else "downsample." + ".".join(parts[5:])
        elif parts[1] == "up_blocks":
            own = f"decoder.up.{levels - 1 - int(parts[2])}."
            own += f"block.{parts[4]}." + ".".join(parts[5:]) if parts[3] == "resnets" else "upsample." + ".".join(parts[5:])
        elif parts[1] == "mid_block" and parts[2] == "resnets":
            own = f"{parts[0]}.mid.block_{int(parts[3]) + 1}." + ".".join(parts[4:])
        elif parts[1] == "mid_block":
            own = f"{parts[0]}.mid.attn_1." + rename(".".join(parts[4:]), attention)
            if tensor.dim() == 2:
                tensor = tensor[:, :, None, None]
        else:
            own = name.replace("conv_norm_out", "norm_out")
        result[own.replace("conv_shortcut", "nin_shortcut")] = tensor
    return result


def text(state):
    """transformers' own names, with the prefix that version 5 leaves out."""
    return {name if name.startswith(("text_model.", "text_projection.")) else f"text_model.{name}": tensor for name, tensor in state.items()}


def open_clip(state):
    """A CLIP text encoder's tensors in OpenCLIP's names: stacked projections, and a text projection the other way round."""
    block = {
        "layer_norm1": "ln_1", "layer_norm2": "ln_2", "mlp.fc1": "mlp.c_fc", "mlp.fc2": "mlp.c_proj", "self_attn.out_proj": "attn.out_proj",
    }  # fmt: skip
    state, result = text(state), {}
    for name, tensor in state.items():
        if name == "text_projection.weight":
            result["text_projection"] = tensor.T
            continue
        own = name.removeprefix("text_model.")
        if own.startswith("encoder.layers."):
            number, rest = own.removeprefix("encoder.layers.").split(".", 1)
            prefix = f"transformer.resblocks.{number}."
            if rest.startswith("self_attn.q_proj."):
                kind = rest.rsplit(".", 1)[1]
                stack = [state[name.replace("q_proj", part)] for part in ("q_proj", "k_proj", "v_proj")]
                result[f"{prefix}attn.in_proj_{kind}"] = torch.cat(stack)
            elif not rest.startswith(("self_attn.k_proj.", "self_attn.v_proj.")):
                result[prefix + rename(rest, block)] = tensor
        elif own == "embeddings.position_embedding.weight":
            result["positional_embedding"] = tensor
        else:
            result[rename(own, {"embeddings.token_embedding": "token_embedding", "final_layer_norm": "ln_final"})] = tensor
    return result


def prefixed(prefix, state):
    return {prefix + name: tensor for name, tensor in state.items()}
