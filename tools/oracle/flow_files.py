"""Writes parts of the folders of flow_families.py as the files that people have: fixtures/flow-files/<name>.{safetensors,gguf}.br.

The transformers under their authors' and ComfyUI's names, text encoders as GGUF under llama.cpp's (and Q8_0 where rows allow it).

    python tools/oracle/flow_files.py
"""

from pathlib import Path

import brotli
import flow_names
import gguf
import torch
from safetensors.torch import load_file, save_file

FIXTURES = Path(__file__).parents[2] / "packages/backend-local/fixtures"
PREFIX = "model.diffusion_model."


def state(name, part, file="diffusion_pytorch_model"):
    return load_file(FIXTURES / "families" / name / part / f"{file}.safetensors")


def pack(path):
    packed = brotli.compress(path.read_bytes(), quality=11, lgwin=24)
    path.with_name(path.name + ".br").write_bytes(packed)
    print(path.name, path.stat().st_size, len(packed))
    path.unlink()


def write(name, tensors, prefix=""):
    path = FIXTURES / "flow-files" / f"{name}.safetensors"
    path.parent.mkdir(exist_ok=True)
    save_file({prefix + key: value.contiguous().clone() for key, value in tensors.items()}, path)
    pack(path)


def write_gguf(name, tensors, architecture):
    path = FIXTURES / "flow-files" / f"{name}.gguf"
    writer = gguf.GGUFWriter(path=str(path), arch=architecture)
    for key, value in tensors.items():
        writer.add_tensor(key, value.float().numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    pack(path)


def main():
    write("flux1", flow_names.flux1(state("flux1", "transformer")), PREFIX)
    write("flux2", flow_names.flux2(state("flux2", "transformer")))
    write("flux3", {**flow_names.flux3(state("flux3", "transformer")), "repa_projectors.0.weight": torch.zeros(2, 2)})
    write("z-image", flow_names.z_image(state("z-image", "transformer")), PREFIX)
    write("chroma", flow_names.chroma(state("chroma", "transformer")))
    write("pixart-sigma", {**flow_names.pixart(state("pixart-sigma", "transformer")), "pos_embed": torch.zeros(1, 16, 72)})
    write("auraflow", flow_names.auraflow(state("auraflow", "transformer")), "model.")
    write("sana", {**flow_names.sana(state("sana", "transformer")), "pos_embed": torch.zeros(1, 64, 24)})
    write("krea2", flow_names.krea2(state("krea2", "transformer")), PREFIX)
    write_gguf("z-image-text", flow_names.gguf_qwen3(state("z-image", "text_encoder", "model")), "qwen3")
    write_gguf("flux1-t5", flow_names.gguf_t5(state("flux1", "text_encoder_2", "model")), "t5encoder")


if __name__ == "__main__":
    main()
