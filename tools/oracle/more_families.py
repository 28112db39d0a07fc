"""Writes tiny, random models of the families without Stable Diffusion's parts, and the images that diffusers makes with them.

As families.py: packages/backend-local/fixtures/families/<name>/ is a folder as save_pretrained writes it, <name>.json lists the
cases and <name>.safetensors holds their images, U8 [count, height, width, 3]; `input` of the upscaler is the picture that it
was given. `taesd` is a tiny VAE alone, which stands in the place of fixtures/pipelines/sd1's.

    python tools/oracle/more_families.py [name ...]
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path

import diffusers
import numpy as np
import torch
from diffusers import AutoencoderKL, AutoencoderTiny, UNet2DConditionModel, UNet2DModel
from networks import randomise
from PIL import Image
from pipeline_inputs import picture
from safetensors.torch import save_file
from saved import edited, scheduler_files
from tokenizer import write_tokenizer
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

FOLDER = Path(__file__).parents[2] / "packages/backend-local/fixtures/families"
SD1 = FOLDER.parent / "pipelines/sd1"
PROMPT = "a red apple on a blue background"
BETAS = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", num_train_timesteps=1000)
EULER = ("EulerDiscreteScheduler", dict(**BETAS, steps_offset=1, timestep_spacing="leading"))
EULER_A = ("EulerAncestralDiscreteScheduler", dict(**BETAS, steps_offset=1))
LINEAR = dict(beta_start=0.0001, beta_end=0.02, beta_schedule="linear", num_train_timesteps=1000)
DDPM = ("DDPMScheduler", dict(**LINEAR, variance_type="fixed_small", clip_sample=True))
DDPM_LARGE = ("DDPMScheduler", dict(**LINEAR, variance_type="fixed_large", clip_sample=True))
DDIM = ("DDIMScheduler", dict(**LINEAR, clip_sample=True))
CONSISTENCY = ("CMStochasticIterativeScheduler", dict(num_train_timesteps=40, sigma_min=0.002, sigma_max=80.0))
PIXELS = dict(
    sample_size=16, block_out_channels=(16, 32), down_block_types=("DownBlock2D", "AttnDownBlock2D"),
    up_block_types=("AttnUpBlock2D", "UpBlock2D"), layers_per_block=1, norm_num_groups=8, attention_head_dim=8,
    flip_sin_to_cos=False, freq_shift=1, downsample_padding=0,
)  # fmt: skip
KEYS = dict(guidance_scale="guidanceScale", negative_prompt="negativePrompt", strength="strength")


def generators(seed, count):
    return [torch.Generator().manual_seed(seed + i) for i in range(count)]


def pixels_of(images):
    print(f"  mean {images.mean():.3f}, spread {images.std():.3f}")
    return torch.from_numpy(np.ascontiguousarray((images * 255).round().astype(np.uint8)))


def lively(model):
    """Random weights heed the time and the text little, and then every request gives nearly the same picture."""
    for name, weight in model.named_parameters():
        if name.endswith(("attn2.to_out.0.weight", "time_emb_proj.weight")):
            weight.data = (weight * 3).half().float()


def write_unconditional(name, pipeline, unet, scheduler, cases, tensors):
    folder = FOLDER / name
    shutil.rmtree(folder, ignore_errors=True)
    model = randomise(UNet2DModel(**{**PIXELS, **unet}), 5, torch.float16)
    lively(model)
    kind = getattr(diffusers, pipeline)
    kind(unet=model, scheduler=getattr(diffusers, scheduler[0])(**scheduler[1])).save_pretrained(folder)
    model.half().save_pretrained(folder / "unet")
    written = []
    for label, request, options in cases:
        files = scheduler_files(options["scheduler"], folder) if "scheduler" in options else {}
        with tempfile.TemporaryDirectory() as room:
            loaded = kind.from_pretrained(edited(folder, files, Path(room) / "model"), torch_dtype=torch.float32)
        loaded.set_progress_bar_config(disable=True)
        print(f"{name}/{label}")
        count = request.get("count", 1)
        given = {}
        if "classLabel" in request:
            given = dict(class_labels=[request["classLabel"]] * count)
        images = loaded(
            batch_size=count, generator=generators(7, count), num_inference_steps=request["steps"], output_type="np", **given
        ).images
        if images.shape[-1] == 1:
            images = np.repeat(images, 3, -1)
        tensors[label] = pixels_of(images)
        given = {"task": "unconditional", "seed": 7, "count": count, **request}
        written.append({"name": label, "request": given, **({"files": files} if files else {})})
    return written


def write_upscaler(name, tensors):
    folder = FOLDER / name
    shutil.rmtree(folder, ignore_errors=True)
    vocabulary = write_tokenizer(folder / "tokenizer")
    end = vocabulary["<|endoftext|>"]
    text = CLIPTextConfig(
        vocab_size=len(vocabulary), bos_token_id=end - 1, pad_token_id=end, eos_token_id=end, hidden_size=16,
        intermediate_size=32, num_hidden_layers=2, num_attention_heads=2, hidden_act="gelu",
    )  # fmt: skip
    unet = UNet2DConditionModel(
        in_channels=7, out_channels=4, sample_size=16, block_out_channels=(16, 32), cross_attention_dim=16, attention_head_dim=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        only_cross_attention=(True, True), layers_per_block=1, norm_num_groups=8, num_class_embeds=1000,
        use_linear_projection=True,
    )  # fmt: skip
    randomise(unet, 2, torch.float16)
    lively(unet)
    vae = AutoencoderKL(
        block_out_channels=(8, 8, 16), layers_per_block=1, norm_num_groups=4, scaling_factor=0.08333,
        down_block_types=("DownEncoderBlock2D",) * 3, up_block_types=("UpDecoderBlock2D",) * 3,
    )  # fmt: skip
    randomise(vae, 3, torch.float16)
    vae.decoder.conv_out.weight.data = (vae.decoder.conv_out.weight * 0.3).half().float()
    kind = diffusers.StableDiffusionUpscalePipeline
    options = dict(safety_checker=None, feature_extractor=None, watermarker=None)
    pipeline = kind(
        vae=vae, text_encoder=randomise(CLIPTextModel(text), 1, torch.float16), unet=unet,
        tokenizer=CLIPTokenizer.from_pretrained(folder / "tokenizer"),
        low_res_scheduler=diffusers.DDPMScheduler(beta_start=0.0001, beta_end=0.02, beta_schedule="scaled_linear", clip_sample=True),
        scheduler=diffusers.DDIMScheduler(
            **BETAS, clip_sample=False, set_alpha_to_one=False, steps_offset=1, prediction_type="v_prediction"
        ),
        max_noise_level=350, **options,
    )  # fmt: skip
    for component in (unet, vae, pipeline.text_encoder):
        component.half()
    pipeline.save_pretrained(folder)
    shutil.rmtree(folder / "tokenizer")
    write_tokenizer(folder / "tokenizer")
    small, _ = picture(32)
    small = small[:, ::2][:, :12]
    tensors["input"] = torch.from_numpy(np.ascontiguousarray(small))
    cases = [
        ("own", dict(), {}, {}),
        ("noisy", dict(negative_prompt="blurry"), dict(noise_level=200), {}),
        ("no-guidance", dict(guidance_scale=1.0), dict(noise_level=0), {}),
        ("ancestral", dict(guidance_scale=4.0), {}, dict(scheduler=EULER_A)),
    ]
    written = []
    for label, arguments, own, changes in cases:
        files = scheduler_files(changes["scheduler"], folder) if "scheduler" in changes else {}
        with tempfile.TemporaryDirectory() as room:
            loaded = kind.from_pretrained(edited(folder, files, Path(room) / "model"), torch_dtype=torch.float32, **options)
        loaded.set_progress_bar_config(disable=True)
        print(f"{name}/{label}")
        images = loaded(
            PROMPT, image=Image.fromarray(small), num_inference_steps=5, generator=generators(7, 1), output_type="np",
            **{"guidance_scale": 5.0, **arguments}, **own,
        ).images  # fmt: skip
        tensors[label] = pixels_of(images)
        request = {"guidance_scale": 5.0, **arguments}
        given = {"task": "upscale", "prompt": PROMPT, "scale": 4, "seed": 7, "count": 1, "steps": 5}
        given |= {KEYS[key]: value for key, value in request.items()}
        if own:
            given["backendOptions"] = {"local": {"noiseLevel": own["noise_level"]}}
        written.append({"name": label, "request": given, **({"files": files} if files else {})})
    return written


def write_taesd(name, tensors):
    folder = FOLDER / name
    shutil.rmtree(folder, ignore_errors=True)
    vae = randomise(AutoencoderTiny(encoder_block_out_channels=(8,) * 4, decoder_block_out_channels=(8,) * 4), 5, torch.float16)
    for tensor in (vae.decoder.layers[-1].weight, vae.encoder.layers[-1].weight):
        tensor.data = (tensor * 0.3).half().float()
    vae.half().save_pretrained(folder)
    vae.float()
    index = json.loads((SD1 / "model_index.json").read_text())
    image, mask = picture()
    cases = [
        ("text", "StableDiffusionPipeline", dict(width=64, height=64), {}, EULER),
        ("image", "StableDiffusionImg2ImgPipeline", dict(strength=0.6), dict(image=Image.fromarray(image)), EULER_A),
        ("inpaint", "StableDiffusionInpaintPipeline", dict(strength=0.7),
         dict(image=Image.fromarray(image), mask_image=Image.fromarray(mask), width=64, height=64), EULER_A),
    ]  # fmt: skip
    written = []
    for label, pipeline, arguments, inputs, scheduler in cases:
        files = scheduler_files(scheduler, SD1)
        files["model_index.json"]["vae"] = ["diffusers", "AutoencoderTiny"]
        with tempfile.TemporaryDirectory() as room:
            target = edited(SD1, files, Path(room) / "model")
            shutil.rmtree(target / "vae")
            shutil.copytree(folder, target / "vae")
            kind = getattr(diffusers, pipeline)
            loaded = kind.from_pretrained(target, safety_checker=None, requires_safety_checker=False, torch_dtype=torch.float32)
        loaded.set_progress_bar_config(disable=True)
        print(f"{name}/{label}")
        images = loaded(
            PROMPT, num_inference_steps=5, guidance_scale=5.0, generator=generators(7, 1)[0], output_type="np", **inputs, **arguments
        ).images
        tensors[label] = pixels_of(images)
        task = {"text": "text-to-image", "image": "image-to-image"}.get(label, label)
        given = {"task": task, "prompt": PROMPT, "seed": 7, "count": 1, "steps": 5, "guidanceScale": 5, **arguments}
        written.append({"name": label, "request": given, "files": scheduler_files(scheduler, SD1)})
    assert index["vae"][1] == "AutoencoderKL"
    return written


WRITERS = {
    "taesd": lambda tensors: write_taesd("taesd", tensors),
    "ddpm": lambda tensors: write_unconditional(
        "ddpm", "DDPMPipeline", {}, DDPM,
        [("own", dict(steps=8, count=2), {}), ("large-variance", dict(steps=6), dict(scheduler=DDPM_LARGE))], tensors,
    ),
    "ddpm-grey": lambda tensors: write_unconditional(
        "ddpm-grey", "DDPMPipeline", dict(in_channels=1, out_channels=1, sample_size=(16, 8)), DDPM, [("own", dict(steps=5), {})], tensors
    ),
    "ddim": lambda tensors: write_unconditional(
        "ddim", "DDIMPipeline", {}, DDIM,
        # DDIMPipeline makes a DDIMScheduler of whatever scheduler the folder has.
        [("own", dict(steps=6), {}), ("of-ddpm", dict(steps=5), dict(scheduler=DDPM))], tensors,
    ),
    "consistency": lambda tensors: write_unconditional(
        "consistency", "ConsistencyModelPipeline", dict(num_class_embeds=5), CONSISTENCY,
        [("one-step", dict(steps=1, classLabel=3), {}), ("three-steps", dict(steps=3, classLabel=1), {})], tensors,
    ),
    "x4-upscaler": lambda tensors: write_upscaler("x4-upscaler", tensors),
}  # fmt: skip


@torch.no_grad()
def main(names):
    for name in names:
        tensors = {}
        cases = WRITERS[name](tensors)
        save_file(tensors, FOLDER / f"{name}.safetensors")
        (FOLDER / f"{name}.json").write_text(json.dumps(cases, indent=2) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:] or WRITERS)
