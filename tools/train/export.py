"""Writes a trained run as a diffusers folder: python export.py --run DIR --model packages/tiny-model/model"""
import argparse
import json
import shutil
from pathlib import Path

import diffusers
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import load_file, save_file
from transformers import CLIPTextModel

import checkpoint
import networks
import tokenizer as clip_tokenizer
from vocabulary_file import write_vocabulary


def from_checkpoint(run):
    """The averaged weights of a run that is still going."""
    size = clip_tokenizer.write(run / "tokenizer")
    unet, text_encoder = networks.unet(), networks.text_encoder(size)
    average = checkpoint.Average(torch.nn.ModuleList([unet, text_encoder]), 0, torch.load(run / "unet.pt")["average"])
    average.swap()
    return unet, text_encoder


def prefix_names(path):
    """Tensor names as in Stable Diffusion's own files, which every reader knows: text_model.*"""
    tensors = load_file(path)
    save_file({f"text_model.{name.removeprefix('text_model.')}": t for name, t in tensors.items()}, path, {"format": "pt"})


def forget_paths(model):
    """Takes this machine's folder names out of the configurations."""
    for path in model.glob("*/config.json"):
        config = {k: value for k, value in json.loads(path.read_text()).items() if k != "_name_or_path"}
        path.write_text(json.dumps(config, indent=2) + "\n")
    for path in model.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--run", required=True)
    parser.add_argument("--model", required=True)
    args = parser.parse_args()
    run, model = Path(args.run), Path(args.model)
    if (run / "unet" / "config.json").exists():
        unet = UNet2DConditionModel.from_pretrained(run / "unet")
        text_encoder = CLIPTextModel.from_pretrained(run / "text_encoder")
    else:
        unet, text_encoder = from_checkpoint(run)
    shutil.rmtree(model, ignore_errors=True)
    AutoencoderKL.from_pretrained(run / "vae").half().save_pretrained(model / "vae")
    unet.half().save_pretrained(model / "unet")
    text_encoder.half().save_pretrained(model / "text_encoder")
    prefix_names(model / "text_encoder" / "model.safetensors")
    networks.scheduler().save_pretrained(model / "scheduler")
    clip_tokenizer.write(model / "tokenizer")
    index = {
        "_class_name": "StableDiffusionPipeline",
        "_diffusers_version": diffusers.__version__,
        "feature_extractor": [None, None],
        "image_encoder": [None, None],
        "requires_safety_checker": False,
        "safety_checker": [None, None],
        "scheduler": ["diffusers", "DDIMScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }
    (model / "model_index.json").write_text(json.dumps(index, indent=2) + "\n")
    (model / "latentkit.json").write_text(json.dumps({"defaults": {"steps": 20, "guidanceScale": 4, "sigmaMax": 20}}) + "\n")
    forget_paths(model)
    write_vocabulary(model.parent / "vocabulary.json")
    total = sum(f.stat().st_size for f in model.rglob("*") if f.is_file())
    print(f"{total / 1e6:.1f} MB in {model}")


if __name__ == "__main__":
    main()
