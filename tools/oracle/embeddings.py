"""Writes small random textual inversions for fixtures/pipelines/sd1 and fixtures/families/sdxl, and what diffusers draws with them.

packages/backend-local/fixtures/embeddings/<name>.safetensors are the embeddings; cases.json lists which case takes which, by which token;
images.safetensors holds each case's picture, U8 [height, width, 3].

    python tools/oracle/embeddings.py
"""

import json
import shutil
from pathlib import Path

import numpy as np
import torch
from diffusers import StableDiffusionImg2ImgPipeline, StableDiffusionPipeline, StableDiffusionXLPipeline
from PIL import Image
from pipeline_inputs import picture
from safetensors.torch import save_file
from saved import load

ROOT = Path(__file__).parents[2] / "packages/backend-local/fixtures"
FOLDER = ROOT / "embeddings"
GENERATOR = torch.Generator()


def vectors(*shape):
    return (torch.randn(shape, generator=GENERATOR) * 4).half()


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    GENERATOR.manual_seed(2)
    files = {
        "style": {"<style>": vectors(16)},
        "several": {"<several>": vectors(3, 16)},
        "inkwash": {"emb_params": vectors(2, 16)},
        "xl": {"clip_l": vectors(2, 16), "clip_g": vectors(2, 24)},
        "wide": {"emb_params": vectors(2, 40)},
    }
    for name, tensors in files.items():
        save_file(tensors, FOLDER / f"{name}.safetensors")
    cases, images = [], {}

    def draw(name, model, embeddings, prompt, negative, kind=StableDiffusionPipeline):
        xl = model == "sdxl"
        folder = ROOT / ("families/sdxl" if xl else "pipelines/sd1")
        pipeline = load(StableDiffusionXLPipeline if xl else kind, folder, **({} if xl else dict(requires_safety_checker=False)))
        for file, token in embeddings:
            own = files[file]
            if xl:
                pipeline.load_textual_inversion(own["clip_g"].float(), token, text_encoder=pipeline.text_encoder_2, tokenizer=pipeline.tokenizer_2)
                pipeline.load_textual_inversion(own["clip_l"].float(), token, text_encoder=pipeline.text_encoder, tokenizer=pipeline.tokenizer)
            else:
                pipeline.load_textual_inversion(next(iter(own.values())).float(), token)
        edits = kind is StableDiffusionImg2ImgPipeline
        inputs = dict(image=Image.fromarray(picture()[0]), strength=0.7) if edits else dict(width=64, height=64)
        result = pipeline(
            prompt, negative_prompt=negative, num_inference_steps=5, guidance_scale=5.0, generator=torch.Generator().manual_seed(3), output_type="np", **inputs
        ).images[0]
        images[name] = torch.from_numpy(np.ascontiguousarray((result * 255).round().astype(np.uint8)))
        given = [{"model": file, "token": token} for file, token in embeddings]
        task = "image-to-image" if edits else "text-to-image"
        cases.append(dict(name=name, model=model, embeddings=given, prompt=prompt, negativePrompt=negative, task=task))
        print(name, round(float(result.mean()), 3), round(float(result.std()), 3))

    draw("base", "sd1", [], "a red apple", "blurry")
    draw("one", "sd1", [("style", "<style>")], "a red <style> apple", "blurry")
    draw("several", "sd1", [("several", "<several>")], "a <several> red apple", "blurry")
    draw("negative", "sd1", [("inkwash", "inkwash")], "a red apple", "blurry inkwash")
    draw("both", "sd1", [("style", "<style>"), ("inkwash", "inkwash")], "a red apple, <STYLE>", "inkwash photo, inkwash")
    draw("within", "sd1", [("style", "apple")], "a red apples", "blurry")
    draw("cut", "sd1", [("several", "<several>")], "a red apple on " + "blue " * 70 + "<several> dog", "blurry")
    draw("edit", "sd1", [("several", "<several>")], "a <several> red apple", "blurry", StableDiffusionImg2ImgPipeline)
    draw("xl-base", "sdxl", [], "a red apple", "blurry")
    draw("xl", "sdxl", [("xl", "<xl>")], "a red <xl> apple", "blurry")
    draw("xl-negative", "sdxl", [("xl", "<xl>")], "a red apple", "<xl>")
    save_file(images, FOLDER / "images.safetensors")
    (FOLDER / "cases.json").write_text(json.dumps(cases, indent=2) + "\n")


if __name__ == "__main__":
    main()
