"""Flow models' tensors in the names that files have: Black Forest Labs', ComfyUI's, llama.cpp's. Each takes diffusers' or transformers' state.

The transformers' are held against diffusers' own converters by published_transformers.py.
"""

import torch


def stacked(state, names):
    return torch.cat([state[name] for name in names])


def swapped(tensor):
    """Scale and shift lie in the other order."""
    first, second = tensor.chunk(2)
    return torch.cat([second, first])


def flux(state, starts, double, single):
    """What FLUX.1 and FLUX.2 have alike; `double` and `single` are names in a block, `starts` those outside."""
    result = {}
    starts = {**starts, "x_embedder": "img_in", "context_embedder": "txt_in", "proj_out": "final_layer.linear"}
    heads = {"norm_q": "norm.query_norm", "norm_k": "norm.key_norm"}
    for name, tensor in state.items():
        module, kind = name.rsplit(".", 1)
        if module in starts:
            result[f"{starts[module]}.{kind}"] = tensor
        elif module == "norm_out.linear":
            result[f"final_layer.adaLN_modulation.1.{kind}"] = swapped(tensor)
        elif name.startswith("transformer_blocks."):
            _, i, inner = module.split(".", 2)
            if inner in double:
                result[f"double_blocks.{i}.{double[inner]}.{kind}"] = tensor
            elif inner in ("attn.to_q", "attn.add_q_proj"):
                stream, parts = ("img", ["to_q", "to_k", "to_v"]) if inner == "attn.to_q" else ("txt", ["add_q_proj", "add_k_proj", "add_v_proj"])
                names = [f"transformer_blocks.{i}.attn.{part}.{kind}" for part in parts]
                result[f"double_blocks.{i}.{stream}_attn.qkv.{kind}"] = stacked(state, names)
            elif "norm" in inner:
                stream = "txt" if "added" in inner else "img"
                result[f"double_blocks.{i}.{stream}_attn.{heads[inner.replace('attn.', '').replace('added_', '')]}.scale"] = tensor
        else:
            _, i, inner = module.split(".", 2)
            if inner in single:
                result[f"single_blocks.{i}.{single[inner]}.{kind}"] = tensor
            elif inner in ("attn.norm_q", "attn.norm_k"):
                result[f"single_blocks.{i}.{heads[inner.replace('attn.', '')]}.scale"] = tensor
            elif inner == "attn.to_q":
                parts = ["attn.to_q", "attn.to_k", "attn.to_v", "proj_mlp"]
                names = [f"single_transformer_blocks.{i}.{part}.{kind}" for part in parts]
                result[f"single_blocks.{i}.linear1.{kind}"] = stacked(state, names)
    return result


def embedders(pairs):
    return {f"{own}.linear_{n}": f"{name}.{layer}" for own, name in pairs.items() for n, layer in ((1, "in_layer"), (2, "out_layer"))}


def double(kind):
    shared = {"attn.to_out.0": "img_attn.proj", "attn.to_add_out": "txt_attn.proj"}
    feed = ("ff.net.0.proj", "ff.net.2") if kind == 1 else ("ff.linear_in", "ff.linear_out")
    for stream, of in (("img", "ff"), ("txt", "ff_context")):
        shared |= {feed[0].replace("ff", of): f"{stream}_mlp.0", feed[1].replace("ff", of): f"{stream}_mlp.2"}
    return {**shared, "norm1.linear": "img_mod.lin", "norm1_context.linear": "txt_mod.lin"} if kind == 1 else shared


def flux1(state):
    starts = embedders({f"time_text_embed.{a}_embedder": b for a, b in (("timestep", "time_in"), ("text", "vector_in"), ("guidance", "guidance_in"))})
    return flux(state, starts, double(1), {"norm.linear": "modulation.lin", "proj_out": "linear2"})


def chroma(state):
    own = {name: tensor for name, tensor in state.items() if name.startswith("distilled_guidance_layer.")}
    rest = flux({name: tensor for name, tensor in state.items() if name not in own}, {}, double(1), {"proj_out": "linear2"})
    pairs = (("linear_1", "in_layer"), ("linear_2", "out_layer"))
    for name, tensor in own.items():
        for a, b in pairs:
            name = name.replace(a, b)
        rest[name.replace(".weight", ".scale") if ".norms." in name else name] = tensor
    return rest


def flux2(state):
    starts = embedders({f"time_guidance_embed.{a}_embedder": b for a, b in (("timestep", "time_in"), ("guidance", "guidance_in"))})
    starts |= {f"{name}.linear": f"{name}.lin" for name in ("double_stream_modulation_img", "double_stream_modulation_txt", "single_stream_modulation")}
    return flux(state, starts, double(2), {"attn.to_qkv_mlp_proj": "linear1", "attn.to_out": "linear2"})


def z_image(state):
    result = {}
    for name, tensor in state.items():
        own = name.replace("all_final_layer.2-1.", "final_layer.").replace("all_x_embedder.2-1.", "x_embedder.")
        for a, b in (("attention.to_out.0", "attention.out"), ("attention.norm_q", "attention.q_norm"), ("attention.norm_k", "attention.k_norm")):
            own = own.replace(a, b)
        if ".attention.to_q." in own:
            own = own.replace("to_q", "qkv")
            tensor = stacked(state, [name.replace("to_q", part) for part in ("to_q", "to_k", "to_v")])
        elif ".attention.to_k." in own or ".attention.to_v." in own:
            continue
        result[own] = tensor
    return result


def flux2_vae(state, names):
    """`names` are those of other VAEs; the 1×1 convolutions stand within the halves."""
    move = {"quant_conv": "encoder.quant_conv", "post_quant_conv": "decoder.post_quant_conv"}
    bn = {name: tensor for name, tensor in state.items() if name.startswith("bn.")}
    own = {f"{move.get(name.split('.')[0], name.split('.')[0])}.{name.split('.', 1)[1]}": tensor for name, tensor in names.items()}
    return {**own, **bn}


PIXART_STARTS = {
    "pos_embed.proj": "x_embedder.proj", "caption_projection.linear_1": "y_embedder.y_proj.fc1", "caption_projection.linear_2": "y_embedder.y_proj.fc2",
    "adaln_single.emb.timestep_embedder.linear_1": "t_embedder.mlp.0", "adaln_single.emb.timestep_embedder.linear_2": "t_embedder.mlp.2",
    "adaln_single.linear": "t_block.1", "proj_out": "final_layer.linear",
}  # fmt: skip
PIXART_BLOCK = {
    "attn1.to_out.0": "attn.proj", "attn2.to_q": "cross_attn.q_linear", "attn2.to_out.0": "cross_attn.proj", "ff.net.0.proj": "mlp.fc1", "ff.net.2": "mlp.fc2",
}  # fmt: skip
SANA_STARTS = {
    **{name.replace("pos_embed", "patch_embed").replace("adaln_single", "time_embed"): own for name, own in PIXART_STARTS.items()},
    "caption_norm": "attention_y_norm",
}  # fmt: skip
SANA_BLOCK = {
    **PIXART_BLOCK, "attn1.norm_q": "attn.q_norm", "attn1.norm_k": "attn.k_norm", "attn2.norm_q": "cross_attn.q_norm", "attn2.norm_k": "cross_attn.k_norm",
    "ff.conv_inverted": "mlp.inverted_conv.conv", "ff.conv_depth": "mlp.depth_conv.conv", "ff.conv_point": "mlp.point_conv.conv",
}  # fmt: skip


def pixart(state, starts=PIXART_STARTS, block=PIXART_BLOCK):
    """Without the places, which are of no module of diffusers'."""
    result = {"y_embedder.y_embedding": torch.zeros(300, state["caption_projection.linear_1.weight"].shape[1])}
    for name, tensor in state.items():
        if name == "scale_shift_table":
            result["final_layer.scale_shift_table"] = tensor
            continue
        module, kind = name.rsplit(".", 1)
        if module in starts:
            result[f"{starts[module]}.{kind}"] = tensor
            continue
        _, i, inner = module.split(".", 2) if module.count(".") > 1 else (*module.split("."), "")
        place = f"transformer_blocks.{i}."
        if kind == "scale_shift_table":
            result[f"blocks.{i}.{kind}"] = tensor
        elif inner in block:
            result[f"blocks.{i}.{block[inner]}.{kind}"] = tensor
        elif inner == "attn1.to_q":
            result[f"blocks.{i}.attn.qkv.{kind}"] = stacked(state, [f"{place}attn1.{part}.{kind}" for part in ("to_q", "to_k", "to_v")])
        elif inner == "attn2.to_k":
            result[f"blocks.{i}.cross_attn.kv_linear.{kind}"] = stacked(state, [f"{place}attn2.{part}.{kind}" for part in ("to_k", "to_v")])
    return result


def sana(state):
    """Likewise."""
    return pixart(state, SANA_STARTS, SANA_BLOCK)


AURAFLOW_STARTS = {
    "pos_embed.proj": "init_x_linear", "context_embedder": "cond_seq_linear", "time_step_proj.linear_1": "t_embedder.mlp.0",
    "time_step_proj.linear_2": "t_embedder.mlp.2", "proj_out": "final_linear",
}  # fmt: skip
AURAFLOW_FEED = {"linear_1": "c_fc1", "linear_2": "c_fc2", "out_projection": "c_proj"}
AURAFLOW_ATTENTION = {"to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "o", "add_q_proj": "q", "add_k_proj": "k", "add_v_proj": "v", "to_add_out": "o"}


def auraflow(state):
    result = {}
    for name, tensor in state.items():
        module, kind = name.rsplit(".", 1) if "." in name else ("", name)
        if name == "register_tokens":
            result[name] = tensor
        elif name == "pos_embed.pos_embed":
            result["positional_encoding"] = tensor
        elif module in AURAFLOW_STARTS:
            result[f"{AURAFLOW_STARTS[module]}.{kind}"] = tensor
        elif module == "norm_out.linear":
            result["modF.1.weight"] = swapped(tensor)
        else:
            double = module.startswith("joint_")
            _, i, layer, inner = module.split(".", 3)
            ofText = "context" in layer or "add_" in inner
            stream = ("C" if ofText else "X") if double else ""
            if layer == "attn":
                own = f"attn.w{2 if double and not ofText else 1}{AURAFLOW_ATTENTION[inner]}"
            else:
                own = f"mlp{stream}.{AURAFLOW_FEED[inner]}" if layer.startswith("ff") else f"mod{stream or 'CX'}.1"
            result[f"{'double' if double else 'single'}_layers.{i}.{own}.{kind}"] = tensor
    return result


def gguf_qwen3(state):
    pairs = {
        "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
        "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm", "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
        "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
    }  # fmt: skip
    result = {}
    for name, tensor in state.items():
        name = name.removeprefix("model.")
        if name.startswith("layers."):
            _, i, inner = name.removesuffix(".weight").split(".", 2)
            result[f"blk.{i}.{pairs[inner]}.weight"] = tensor
        else:
            result[{"embed_tokens.weight": "token_embd.weight", "norm.weight": "output_norm.weight", "lm_head.weight": "output.weight"}[name]] = tensor
    return result


def gguf_t5(state):
    attention = {"q": "attn_q", "k": "attn_k", "v": "attn_v", "o": "attn_o", "relative_attention_bias": "attn_rel_b"}
    feed = {"wi_0": "ffn_gate", "wi_1": "ffn_up", "wo": "ffn_down"}
    result = {"token_embd.weight": state["shared.weight"], "enc.output_norm.weight": state["encoder.final_layer_norm.weight"]}
    for name, tensor in state.items():
        if not name.startswith("encoder.block."):
            continue
        _, _, i, _, layer, *inner = name.split(".")
        own = "attn_norm" if layer == "0" else "ffn_norm"
        if inner[0] != "layer_norm":
            own = (attention if layer == "0" else feed)[inner[1]]
        result[f"enc.blk.{i}.{own}.weight"] = tensor
    return result


def sd3(state):
    starts = {
        "pos_embed": "pos_embed", "pos_embed.proj": "x_embedder.proj", "context_embedder": "context_embedder", "proj_out": "final_layer.linear",
        "time_text_embed.timestep_embedder.linear_1": "t_embedder.mlp.0", "time_text_embed.timestep_embedder.linear_2": "t_embedder.mlp.2",
        "time_text_embed.text_embedder.linear_1": "y_embedder.mlp.0", "time_text_embed.text_embedder.linear_2": "y_embedder.mlp.2",
    }  # fmt: skip
    image = {
        "norm1.linear": "adaLN_modulation.1", "ff.net.0.proj": "mlp.fc1", "ff.net.2": "mlp.fc2", "attn.to_out.0": "attn.proj", "attn2.to_out.0": "attn2.proj",
        "attn.norm_q": "attn.ln_q", "attn.norm_k": "attn.ln_k", "attn2.norm_q": "attn2.ln_q", "attn2.norm_k": "attn2.ln_k",
    }  # fmt: skip
    text = {
        "norm1_context.linear": "adaLN_modulation.1", "ff_context.net.0.proj": "mlp.fc1", "ff_context.net.2": "mlp.fc2", "attn.to_add_out": "attn.proj",
        "attn.norm_added_q": "attn.ln_q", "attn.norm_added_k": "attn.ln_k",
    }  # fmt: skip
    last = max(int(name.split(".")[1]) for name in state if name.startswith("transformer_blocks."))
    result = {}
    for name, tensor in state.items():
        module, kind = name.rsplit(".", 1)
        if name == "pos_embed.pos_embed":
            result["pos_embed"] = tensor
        elif module in starts:
            result[f"{starts[module]}.{kind}"] = tensor
        elif module == "norm_out.linear":
            result[f"final_layer.adaLN_modulation.1.{kind}"] = swapped(tensor)
        else:
            _, i, inner = module.split(".", 2)
            if inner in image:
                result[f"joint_blocks.{i}.x_block.{image[inner]}.{kind}"] = tensor
            elif inner in text:
                result[f"joint_blocks.{i}.context_block.{text[inner]}.{kind}"] = swapped(tensor) if "norm1" in inner and int(i) == last else tensor
            for first, parts, to in (
                ("attn.to_q", ("attn.to_q", "attn.to_k", "attn.to_v"), "x_block.attn"), ("attn2.to_q", ("attn2.to_q", "attn2.to_k", "attn2.to_v"), "x_block.attn2"),
                ("attn.add_q_proj", ("attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj"), "context_block.attn"),
            ):  # fmt: skip
                if inner == first:
                    result[f"joint_blocks.{i}.{to}.qkv.{kind}"] = stacked(state, [f"transformer_blocks.{i}.{part}.{kind}" for part in parts])
    return result


def wan_vae(state):
    """The VAE of Qwen-Image in Wan's naming."""
    resnet = {"norm1": "residual.0", "conv1": "residual.2", "norm2": "residual.3", "conv2": "residual.6", "conv_shortcut": "shortcut"}
    starts = {"quant_conv": "conv1", "post_quant_conv": "conv2"}
    for half in ("encoder", "decoder"):
        starts |= {f"{half}.conv_in": f"{half}.conv1", f"{half}.norm_out": f"{half}.head.0", f"{half}.conv_out": f"{half}.head.2"}
    result = {}
    for name, tensor in state.items():
        module, kind = name.rsplit(".", 1)
        parts = module.split(".")
        if module in starts:
            own = starts[module]
        elif parts[1] == "mid_block" and parts[2] == "attentions":
            own = f"{parts[0]}.middle.1.{parts[4]}"
        elif parts[1] == "mid_block":
            own = f"{parts[0]}.middle.{2 * int(parts[3])}.{resnet[parts[4]]}"
        elif parts[1] == "down_blocks":
            own = f"encoder.downsamples.{parts[2]}." + resnet.get(parts[3], ".".join(parts[3:]))
        elif parts[3] == "upsamplers":
            own = f"decoder.upsamples.{4 * int(parts[2]) + 3}." + ".".join(parts[5:])
        else:
            own = f"decoder.upsamples.{4 * int(parts[2]) + int(parts[4])}.{resnet[parts[5]]}"
        result[f"{own}.{kind}"] = tensor
    return result


KREA2_STARTS = {
    "img_in": "first", "time_embed.linear_1": "tmlp.0", "time_embed.linear_2": "tmlp.2", "time_mod_proj": "tproj.1", "txt_in.linear_1": "txtmlp.1",
    "txt_in.linear_2": "txtmlp.3", "text_fusion.projector": "txtfusion.projector", "final_layer.linear": "last.linear",
}  # fmt: skip
KREA2_BLOCK = {
    "attn.to_q": "attn.wq", "attn.to_k": "attn.wk", "attn.to_v": "attn.wv", "attn.to_out.0": "attn.wo", "attn.to_gate": "attn.gate",
    "ff.gate": "mlp.gate", "ff.up": "mlp.up", "ff.down": "mlp.down",
}  # fmt: skip
KREA2_NORMS = {
    "attn.norm_q": "attn.qknorm.qnorm", "attn.norm_k": "attn.qknorm.knorm", "norm1": "prenorm", "norm2": "postnorm", "txt_in.norm": "txtmlp.0",
    "final_layer.norm": "last.norm",
}  # fmt: skip


def krea2(state):
    result = {}
    for name, tensor in state.items():
        if name == "final_layer.scale_shift_table":
            result["last.modulation.lin"] = tensor
            continue
        module, kind = name.rsplit(".", 1)
        lists = ("transformer_blocks.", "text_fusion.layerwise_blocks.", "text_fusion.refiner_blocks.")
        start = next((each for each in lists if name.startswith(each)), "")
        i, inner = name.removeprefix(start).split(".", 1) if start else ("", name)
        place = f"{start.replace('transformer_', '').replace('text_fusion', 'txtfusion')}{i}." if start else ""
        if inner == "scale_shift_table":
            result[f"{place}mod.lin"] = tensor.flatten()
            continue
        inner = inner.removesuffix(f".{kind}")
        if inner in KREA2_NORMS:
            result[f"{place}{KREA2_NORMS[inner]}.scale"] = tensor
        else:
            result[f"{place}{(KREA2_BLOCK if start else KREA2_STARTS)[inner]}.{kind}"] = tensor
    return result


FLUX3_BLOCK = {
    "attn.to_q": "q_proj", "attn.to_k": "k_proj", "attn.to_v": "v_proj", "attn.to_out.0": "attn_out", "attn.norm_q": "norm.query_norm",
    "attn.norm_k": "norm.key_norm", "ff.linear_in": "mlp_in", "ff.linear_out": "mlp_out",
}  # fmt: skip


def flux3(state):
    starts = embedders({"timestep_embedder": "time_in", "target_timestep_embedder": "ref_time_in"})
    starts |= {"context_embedder": "txt_in", "proj_out": "final_layer.image.linear"}
    result = {}
    for name, tensor in state.items():
        module = name.removesuffix(".weight")
        if module == "norm_out.linear":
            result["final_layer.image.adaLN_modulation.1.weight"] = swapped(tensor)
        elif module in starts:
            result[f"{starts[module]}.weight"] = tensor
        elif "blocks." in module:
            inner = next(each for each in FLUX3_BLOCK if module.endswith(f".{each}"))
            place = module.removesuffix(inner)
            for own, theirs in (("single_transformer_blocks", "single_blocks"), ("mode_blocks", "content_mode_blocks")):
                place = f"{theirs}{place.removeprefix(own)}" if place.startswith(own) else place
            result[f"{place}{FLUX3_BLOCK[inner]}.{'scale' if 'norm' in inner else 'weight'}"] = tensor
        else:
            result[f"{module.replace('x_embedders', 'emb_in').removesuffix('.linear')}{'.lin' if module.endswith('.linear') else ''}.weight"] = tensor
    return result
