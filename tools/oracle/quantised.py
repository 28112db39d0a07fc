"""Writes a tiny Stable Diffusion 1 UNet in the quantised formats that people have, and the pictures of diffusers over the same
weights dequantised by the reference of each format: torch (fp8), comfy_kitchen (int8, ConvRot), gguf.

packages/backend-local/fixtures/quantised/<name>.{safetensors,gguf}.br are the files, pictures.safetensors the pictures (U8
[height, width, 3]); blocks.{gguf,safetensors} are random blocks of every GGUF type and what gguf makes of them (F32).

Needs, beside tools/oracle's usual: `pip install brotli gguf comfy-kitchen`.

    python tools/oracle/quantised.py [name ...]
"""

import json
import sys
import tempfile
from pathlib import Path

import brotli
import diffusers
import gguf
import numpy as np
import single_files
import torch
from comfy_kitchen.backends.eager import quantization as kitchen
from gguf.constants import GGMLQuantizationType as T
from safetensors.torch import load_file, save_file

FOLDER = Path(__file__).parents[2] / "packages/backend-local/fixtures/quantised"
CASE = single_files.FILES["sd1"]
PREFIX = "model.diffusion_model."
F8 = torch.float8_e4m3fn


def base():
    """The checkpoint of single_files.py with more than two values in each linear weight."""
    folder = Path(tempfile.mkdtemp()) / "configs"
    own = single_files.build(CASE, folder)
    generator = torch.Generator().manual_seed(5)
    for key, value in own.items():
        if is_linear(key, value):
            levels = torch.tensor([0.25, 0.6, 1.0, 1.6])[torch.randint(0, 4, value.shape, generator=generator)]
            own[key] = (value * levels).half().float()
    return folder, own


def is_linear(key, value):
    return key.startswith(PREFIX) and key.endswith(".weight") and (value.dim() == 2 or value.shape[2:] == (1, 1))


def is_matrix(key, value):
    return is_linear(key, value) and value.dim() == 2


def marker(value):
    return torch.tensor(list(json.dumps(value).encode()), dtype=torch.uint8)


def fp8_plain(unet):
    """Everything, as `--fp8_e4m3fn-unet` saves it."""
    stored = {key: value.to(F8) for key, value in unet.items()}
    return stored, {key: value.float() for key, value in stored.items()}


def fp8_scaled(unet):
    """Kijai's and ComfyUI's older scaled files: a marker, and one `scale_weight` a layer."""
    stored, plain = {PREFIX + "scaled_fp8": torch.zeros(2, dtype=F8)}, {}
    for key, value in unet.items():
        stored[key] = plain[key] = value.half()
        if is_matrix(key, value):
            scale = value.abs().max() / 448 * 0.9
            stored[key] = kitchen.quantize_per_tensor_fp8(value, scale, F8)
            stored[key.replace(".weight", ".scale_weight")] = scale.reshape(1)
            stored[key.replace(".weight", ".scale_input")] = torch.tensor([0.5])
            plain[key] = kitchen.dequantize_per_tensor_fp8(stored[key], scale, torch.float32)
    return stored, plain


def fp8_mixed(unet):
    """ComfyUI's newer layout, some layers in fp8 and the others in bfloat16."""
    stored, plain = {}, {}
    for i, (key, value) in enumerate(unet.items()):
        stored[key] = value.bfloat16()
        plain[key] = stored[key].float()
        if is_matrix(key, value) and i % 3:
            scale = value.abs().max() / 448
            layer = key.removesuffix(".weight")
            stored[key] = kitchen.quantize_per_tensor_fp8(value, scale, F8)
            stored[f"{layer}.weight_scale"] = scale
            stored[f"{layer}.comfy_quant"] = marker({"format": "float8_e4m3fn", "full_precision_matrix_mult": True})
            plain[key] = kitchen.dequantize_per_tensor_fp8(stored[key], scale, torch.float32)
    return stored, plain


def int8(unet):
    stored, plain = {}, {}
    for key, value in unet.items():
        stored[key] = plain[key] = value.half()
        if is_matrix(key, value):
            layer = key.removesuffix(".weight")
            stored[key], scale = kitchen.quantize_int8_rowwise(value)
            stored[f"{layer}.weight_scale"] = scale
            stored[f"{layer}.comfy_quant"] = marker({"format": "int8_tensorwise"})
            plain[key] = kitchen.dequantize_int8_simple(stored[key], scale)
    return stored, plain


def int8_convrot(unet):
    stored, plain = {}, {}
    for key, value in unet.items():
        stored[key] = plain[key] = value.half()
        if is_matrix(key, value):
            group = 64 if value.shape[1] % 64 == 0 else 16
            layer = key.removesuffix(".weight")
            stored[key], scale = kitchen.quantize_int8_convrot_weight(value, group)
            stored[f"{layer}.weight_scale"] = scale
            stored[f"{layer}.comfy_quant"] = marker({"format": "int8_tensorwise", "convrot": True, "convrot_groupsize": group})
            plain[key] = kitchen.dequantize_int8_convrot_weight(stored[key], scale, group)
    return stored, plain


SAFETENSORS = dict(fp8_plain=fp8_plain, fp8_scaled=fp8_scaled, fp8_mixed=fp8_mixed, int8=int8, int8_convrot=int8_convrot)


def blocks_of(kind, data):
    """Rows of float32 in a type's blocks. gguf quantises no K types: a plain rounding to them stands in."""
    if kind not in (T.Q4_K, T.Q6_K):
        return gguf.quants.quantize(data, kind)
    x = data.reshape(-1, 256).astype(np.float32)
    half = lambda values: values.astype(np.float16).view(np.uint8)  # noqa: E731
    if kind == T.Q6_K:
        parts = x.reshape(len(x), 16, 16)
        top = np.abs(parts).max(-1) / 31
        d = np.maximum(top.max(-1, keepdims=True) / 127, 1e-7)
        scales = np.clip(np.round(top / d), 1, 127)
        q = np.clip(np.round(parts / (d * scales)[..., None]) + 32, 0, 63).astype(np.uint8).reshape(len(x), 2, 4, 32)
        low = np.stack([q[:, :, 0] & 15 | (q[:, :, 2] & 15) << 4, q[:, :, 1] & 15 | (q[:, :, 3] & 15) << 4], 2).reshape(len(x), 128)
        high = sum((q[:, :, i] >> 4) << 2 * i for i in range(4)).reshape(len(x), 64)
        return np.concatenate([low, high, scales.astype(np.int8).view(np.uint8), half(d)], 1).reshape(data.shape[0], -1)
    parts = x.reshape(len(x), 8, 32)
    low, high = np.minimum(parts.min(-1), 0), parts.max(-1)
    d, dmin = np.maximum((high - low).max(-1, keepdims=True) / 15 / 63, 1e-7), np.maximum((-low).max(-1, keepdims=True) / 63, 1e-7)
    sc, m = np.clip(np.ceil((high - low) / 15 / d), 0, 63).astype(np.uint8), np.clip(np.ceil(-low / dmin), 0, 63).astype(np.uint8)
    q = np.clip(np.round((parts + (dmin * m)[..., None]) / np.maximum(d * sc, 1e-9)[..., None]), 0, 15).astype(np.uint8)
    packed = np.concatenate([sc[:, :4] | (sc[:, 4:] >> 4) << 6, m[:, :4] | (m[:, 4:] >> 4) << 6, sc[:, 4:] & 15 | (m[:, 4:] & 15) << 4], 1)
    q = q.reshape(len(x), 4, 2, 32)
    return np.concatenate([half(d), half(dmin), packed, (q[:, :, 0] | q[:, :, 1] << 4).reshape(len(x), 128)], 1).reshape(data.shape[0], -1)


def gguf_file(unet, kind, path):
    """As city96's ComfyUI-GGUF tools write it: without a prefix, kernels reshaped so that they can be quantised."""
    writer = gguf.GGUFWriter(path=str(path), arch="sd1")
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    plain = {}
    for key, value in unet.items():
        name, data = key.removeprefix(PREFIX), value.numpy()
        own, count = T.F32, data.size
        if data.ndim > 1:
            own = T.F16
            if count >= 512 and count % 256 == 0 and data.shape[-1] % 256:
                writer.add_array(f"comfy.gguf.orig_shape.{name}", [int(side) for side in data.shape])
                data = data.reshape(-1, 256)
            if data.shape[-1] % 256 == 0:
                own = kind
        raw = blocks_of(own, data.astype(np.float32))
        plain[key] = torch.from_numpy(gguf.quants.dequantize(raw, own).reshape(value.shape).copy())
        writer.add_tensor(name, raw, raw_dtype=own)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return plain


GGUF = dict(q8_0=T.Q8_0, q4_0=T.Q4_0, q5_1=T.Q5_1, q4_k=T.Q4_K, q6_k=T.Q6_K)


@torch.no_grad()
def write(name, pictures):
    folder, own = base()
    unet = {key: value for key, value in own.items() if key.startswith(PREFIX)}
    path = FOLDER / f"{name}.{'gguf' if name in GGUF else 'safetensors'}"
    if name in GGUF:
        plain = gguf_file(unet, GGUF[name], path)
    else:
        stored, plain = SAFETENSORS[name](unet)
        save_file({key: value.contiguous().clone() for key, value in stored.items()}, path)
    whole = Path(tempfile.mkdtemp()) / "whole.safetensors"
    kept = {key: value.half() if value.is_floating_point() else value for key, value in own.items() if key not in unet}
    save_file({key: value.float().contiguous().clone() if value.is_floating_point() else value.clone() for key, value in {**kept, **plain}.items()}, whole)
    pipeline = getattr(diffusers, CASE["pipeline"]).from_single_file(str(whole), config=str(folder))
    _, pixels = single_files.run(pipeline, {})
    pictures[name] = torch.from_numpy(pixels)
    error = sum((plain[k].float() - unet[k]).abs().sum() for k in unet) / sum(unet[k].abs().sum() for k in unet)
    packed = brotli.compress(path.read_bytes(), quality=11, lgwin=24)
    path.with_name(path.name + ".br").write_bytes(packed)
    print(f"{name}: weights off by {error:.2%}, spread {pixels.std():.1f}, {path.stat().st_size} bytes, {len(packed)} packed")
    path.unlink()


def random_blocks():
    """Blocks of random bits, their half-precision numbers finite: two tensors of each type, one a table of rows."""
    generator = np.random.default_rng(11)
    halves = {T.Q4_0: [0], T.Q4_1: [0, 2], T.Q5_0: [0], T.Q5_1: [0, 2], T.Q8_0: [0], T.Q2_K: [80, 82], T.Q3_K: [108], T.Q4_K: [0, 2], T.Q5_K: [0, 2], T.Q6_K: [208]}
    writer = gguf.GGUFWriter(path=str(FOLDER / "blocks.gguf"), arch="none")
    expected = {}
    for kind, at in halves.items():
        elements, size = gguf.GGML_QUANT_SIZES[kind]
        raw = generator.integers(0, 256, (6 * 512 // elements, size), dtype=np.uint8)
        for byte in at:
            scale = (generator.standard_normal(len(raw)) * 10.0 ** generator.integers(-6, 1, len(raw))).astype(np.float16)
            raw[:, byte : byte + 2] = scale.view(np.uint8).reshape(-1, 2)
        raw = raw.reshape(6, -1)
        writer.add_tensor(kind.name, raw, raw_dtype=kind)
        expected[kind.name] = torch.from_numpy(gguf.quants.dequantize(raw, kind).astype(np.float32).copy())
    for name, values in dict(F16=np.float16, F32=np.float32).items():
        data = generator.standard_normal((6, 512)).astype(values)
        writer.add_tensor(name, data)
        expected[name] = torch.from_numpy(data.astype(np.float32))
    data = gguf.quants.quantize(generator.standard_normal((6, 512)).astype(np.float32), T.BF16)
    writer.add_tensor("BF16", data, raw_dtype=T.BF16)
    expected["BF16"] = torch.from_numpy(gguf.quants.dequantize(data, T.BF16).copy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    save_file(expected, FOLDER / "blocks.safetensors")


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    store = FOLDER / "pictures.safetensors"
    pictures = load_file(store) if store.exists() else {}
    if not sys.argv[1:]:
        random_blocks()
    for name in sys.argv[1:] or [*SAFETENSORS, *GGUF]:
        write(name, pictures)
        save_file(pictures, store)
