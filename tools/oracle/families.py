"""Writes tiny, random folders of the families beyond plain Stable Diffusion, and the images that diffusers makes with them.

Each is packages/backend-local/fixtures/families/<name>/, a folder as save_pretrained writes it. Beside it <name>.json lists
the cases: a request, the files of the folder that are edited for it (whole contents), and whether the reference was
given the mask or the picture; <name>.safetensors holds for each case its images, U8 [count, height, width, 3]. The picture
and mask are those of pipeline_inputs.py. Every pipeline is made from a saved folder (saved.py).

    python tools/oracle/families.py [name ...]
"""

import json
import shutil
import sys
from pathlib import Path

import diffusers
import numpy as np
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from networks import randomise
from PIL import Image
from pipeline_inputs import picture
from safetensors.torch import save_file
from saved import load, scheduler_files
from tokenizer import write_tokenizer
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

FOLDER = Path(__file__).parents[2] / "packages/backend-local/fixtures/families"
PROMPT = "a red apple on a blue background"
BETAS = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", num_train_timesteps=1000)
EULER = ("EulerDiscreteScheduler", dict(**BETAS, steps_offset=1, timestep_spacing="leading"))
EULER_A = ("EulerAncestralDiscreteScheduler", dict(**BETAS, steps_offset=1))
TURBO = ("EulerAncestralDiscreteScheduler", dict(**BETAS, steps_offset=1, timestep_spacing="trailing"))
V_TRAILING = (
    "EulerDiscreteScheduler",
    dict(**BETAS, prediction_type="v_prediction", timestep_spacing="trailing", rescale_betas_zero_snr=True),
)
EDM = ("EDMDPMSolverMultistepScheduler", dict(sigma_min=0.002, sigma_max=80.0, sigma_data=0.5, prediction_type="epsilon"))
EDM_EULER = ("EDMEulerScheduler", dict(sigma_min=0.002, sigma_max=80.0, sigma_data=0.5, prediction_type="v_prediction"))
LCM = ("LCMScheduler", dict(**BETAS, original_inference_steps=50))
TCD = ("TCDScheduler", dict(**BETAS, steps_offset=1, timestep_spacing="leading"))
PNDM = ("PNDMScheduler", dict(**BETAS, steps_offset=1, skip_prk_steps=True))

TEXT = dict(hidden_size=16, intermediate_size=32, num_hidden_layers=3, num_attention_heads=2, projection_dim=16)
TEXT_2 = dict(hidden_size=24, intermediate_size=32, num_hidden_layers=3, num_attention_heads=3, projection_dim=20, hidden_act="gelu")
UNET = dict(
    block_out_channels=(16, 32),
    down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
    up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
    layers_per_block=1,
    norm_num_groups=8,
    sample_size=8,
)
SD = {**UNET, "cross_attention_dim": 16, "attention_head_dim": 2}
XL = {
    **UNET,
    "cross_attention_dim": 40,
    "attention_head_dim": (2, 4),
    "transformer_layers_per_block": (1, 2),
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 8,
    "projection_class_embeddings_input_dim": 20 + 6 * 8,
}
REFINER = {**XL, "cross_attention_dim": 24, "projection_class_embeddings_input_dim": 20 + 5 * 8}
VAE = dict(block_out_channels=(8, 8, 8, 16), layers_per_block=1, norm_num_groups=4, sample_size=64)
VAE_XL = {**VAE, "scaling_factor": 0.13025}
MEANS = dict(latents_mean=[-1.6, 0.2, 2.6, 1.5], latents_std=[8.4, 5.9, 5.3, 4.7], scaling_factor=0.5)

INPUTS = dict(guidance_scale=5.0, steps=5, seed=7)
MICRO = dict(original_size=(32, 48), crops_coords_top_left=(8, 4), target_size=(96, 80))
MICRO_OPTIONS = dict(
    originalSize=dict(width=48, height=32), cropTopLeft=dict(top=8, left=4), targetSize=dict(width=80, height=96)
)

# name: (pipeline class in the index, networks, cases: (name, pipeline class, arguments, options))
MODELS = {
    "sdxl": dict(
        pipeline="StableDiffusionXLPipeline",
        text=TEXT, text_2=TEXT_2, unet=XL, vae=VAE_XL, scheduler=EULER,
        cases=[
            ("own", "StableDiffusionXLPipeline", dict(count=2), {}),
            ("negative", "StableDiffusionXLPipeline", dict(negative_prompt="blurry"), {}),
            ("empty-negative", "StableDiffusionXLPipeline", dict(negative_prompt=""), {}),
            ("empty-not-zeroed", "StableDiffusionXLPipeline", dict(seed=8), dict(index=dict(force_zeros_for_empty_prompt=False))),
            ("no-guidance", "StableDiffusionXLPipeline", dict(guidance_scale=1.0), {}),
            ("wide", "StableDiffusionXLPipeline", dict(width=96, height=64), {}),
            ("micro", "StableDiffusionXLPipeline", MICRO, dict(own=MICRO_OPTIONS)),
            ("clip-skip", "StableDiffusionXLPipeline", dict(clip_skip=1), dict(clipSkip=2)),
            ("turbo", "StableDiffusionXLPipeline", dict(guidance_scale=0.0, steps=2), dict(scheduler=TURBO)),
            ("v-prediction", "StableDiffusionXLPipeline", {}, dict(scheduler=V_TRAILING)),
            ("playground", "StableDiffusionXLPipeline", dict(guidance_scale=3.0), dict(scheduler=EDM, vae=MEANS)),
            ("edm-euler", "StableDiffusionXLPipeline", {}, dict(scheduler=EDM_EULER)),
            ("tcd", "StableDiffusionXLPipeline", dict(guidance_scale=1.0, steps=4), dict(scheduler=TCD)),
            ("image-to-image", "StableDiffusionXLImg2ImgPipeline", dict(strength=0.6, count=2), {}),
            ("image-to-image-micro", "StableDiffusionXLImg2ImgPipeline", dict(strength=0.6, **MICRO), dict(own=MICRO_OPTIONS)),
            ("image-to-image-playground", "StableDiffusionXLImg2ImgPipeline", dict(strength=0.6), dict(scheduler=EDM, vae=MEANS)),
            ("inpaint", "StableDiffusionXLInpaintPipeline", dict(strength=1.0, count=2), dict(scheduler=EULER_A)),
            ("inpaint-partly", "StableDiffusionXLInpaintPipeline", dict(strength=0.7, negative_prompt="blurry"), {}),
        ],
    ),
    "sdxl-refiner": dict(
        pipeline="StableDiffusionXLImg2ImgPipeline",
        text_2=TEXT_2, unet=REFINER, vae=VAE_XL, scheduler=EULER,
        index=dict(requires_aesthetics_score=True, force_zeros_for_empty_prompt=False),
        cases=[
            ("own", "StableDiffusionXLImg2ImgPipeline", dict(strength=0.6), {}),
            ("scores", "StableDiffusionXLImg2ImgPipeline", dict(strength=0.6, aesthetic_score=8.0, negative_aesthetic_score=1.0),
             dict(own=dict(aestheticScore=8, negativeAestheticScore=1))),
            ("inpaint", "StableDiffusionXLInpaintPipeline", dict(strength=0.8, negative_prompt="blurry"), {}),
            ("after-base", "StableDiffusionXLImg2ImgPipeline", dict(steps=10), dict(base="sdxl", at=0.6)),
        ],
    ),
    "sdxl-inpaint": dict(
        pipeline="StableDiffusionXLInpaintPipeline",
        text=TEXT, text_2=TEXT_2, unet={**XL, "in_channels": 9}, vae=VAE_XL, scheduler=EULER,
        cases=[
            ("own", "StableDiffusionXLInpaintPipeline", dict(strength=1.0), {}),
            ("partly", "StableDiffusionXLInpaintPipeline", dict(strength=0.7, count=2), dict(scheduler=EULER_A)),
        ],
    ),
    "sdxl-instruct": dict(
        pipeline="StableDiffusionXLInstructPix2PixPipeline",
        text=TEXT, text_2=TEXT_2, unet={**XL, "in_channels": 8}, vae=VAE_XL, scheduler=EULER,
        cases=[
            ("own", "StableDiffusionXLInstructPix2PixPipeline", dict(image_guidance_scale=1.5), {}),
            ("cosxl", "StableDiffusionXLInstructPix2PixPipeline", dict(image_guidance_scale=1.5),
             dict(scheduler=EDM_EULER, index=dict(is_cosxl_edit=True))),
        ],
    ),
    "sd1-inpaint": dict(
        pipeline="StableDiffusionInpaintPipeline",
        text=TEXT, unet={**SD, "in_channels": 9}, vae=VAE, scheduler=PNDM,
        cases=[
            ("own", "StableDiffusionInpaintPipeline", dict(strength=1.0, negative_prompt="blurry"), {}),
            ("whole-ancestral", "StableDiffusionInpaintPipeline", dict(strength=1.0, count=2), dict(scheduler=EULER_A)),
            ("partly-ancestral", "StableDiffusionInpaintPipeline", dict(strength=0.7, count=2), dict(scheduler=EULER_A)),
            ("no-guidance", "StableDiffusionInpaintPipeline", dict(strength=0.7, guidance_scale=1.0), dict(scheduler=EULER)),
        ],
    ),
    "sd1-instruct": dict(
        pipeline="StableDiffusionInstructPix2PixPipeline",
        text=TEXT, unet={**SD, "in_channels": 8}, vae=VAE, scheduler=EULER_A,
        cases=[
            ("own", "StableDiffusionInstructPix2PixPipeline", {}, {}),
            ("strong", "StableDiffusionInstructPix2PixPipeline",
             dict(image_guidance_scale=2.5, negative_prompt="blurry", count=2), dict(scheduler=EULER)),
            ("picture-off", "StableDiffusionInstructPix2PixPipeline", dict(image_guidance_scale=1.0), {}),
            ("below-one", "StableDiffusionInstructPix2PixPipeline", dict(image_guidance_scale=0.5), dict(scheduler=EULER)),
            ("no-guidance", "StableDiffusionInstructPix2PixPipeline", dict(guidance_scale=1.0, seed=8), dict(scheduler=EULER)),
        ],
    ),
    "sd1-lcm": dict(
        pipeline="LatentConsistencyModelPipeline",
        text=TEXT, unet={**SD, "time_cond_proj_dim": 8}, vae=VAE, scheduler=LCM,
        cases=[
            ("own", "LatentConsistencyModelPipeline", dict(guidance_scale=8.5, steps=4, count=2), {}),
            ("weak", "LatentConsistencyModelPipeline", dict(guidance_scale=1.0, steps=4), {}),
            ("one-step", "LatentConsistencyModelPipeline", dict(guidance_scale=4.0, steps=1), {}),
            ("image-to-image", "LatentConsistencyModelImg2ImgPipeline", dict(guidance_scale=8.5, steps=4, strength=0.5), {}),
            ("ddim", "StableDiffusionPipeline", dict(guidance_scale=3.0), dict(scheduler=EULER, index=dict(_class_name="StableDiffusionPipeline"))),
        ],
    ),
}

KEYS = dict(
    guidance_scale="guidanceScale", negative_prompt="negativePrompt", strength="strength", steps="steps", seed="seed",
    count="count", width="width", height="height", image_guidance_scale="imageGuidanceScale",
    true_cfg_scale="guidanceScale",
)


def write_model(name, model):
    folder = FOLDER / name
    shutil.rmtree(folder, ignore_errors=True)
    parts = {}
    for key, tokenizer, kind, seed in (
        ("text", "tokenizer", CLIPTextModel, 1), ("text_2", "tokenizer_2", CLIPTextModelWithProjection, 4)
    ):
        component = "text_encoder" if key == "text" else "text_encoder_2"
        if key not in model:
            if "text_2" in model:
                parts |= {tokenizer: None, component: None}
            continue
        vocabulary = write_tokenizer(folder / tokenizer)
        end = vocabulary["<|endoftext|>"]
        config = CLIPTextConfig(
            vocab_size=len(vocabulary), bos_token_id=end - 1, pad_token_id=end, eos_token_id=end, **model[key]
        )
        parts |= {tokenizer: CLIPTokenizer.from_pretrained(folder / tokenizer), component: randomise(kind(config), seed, torch.float16)}
    unet = randomise(UNet2DConditionModel(**model["unet"]), 2, torch.float16)
    for key, weight in unet.named_parameters():
        # Random weights heed the text and the time little, and then every request gives nearly the same picture.
        if key.endswith(("attn2.to_out.0.weight", "time_emb_proj.weight")):
            weight.data = (weight * 3).half().float()
    levels = len(model["vae"]["block_out_channels"])
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * levels, up_block_types=("UpDecoderBlock2D",) * levels, **model["vae"]
    )
    randomise(vae, 3, torch.float16)
    vae.decoder.conv_out.weight.data = (vae.decoder.conv_out.weight * 0.5).half().float()
    kind = getattr(diffusers, model["pipeline"])
    scheduler = getattr(diffusers, model["scheduler"][0])(**model["scheduler"][1])
    options = {} if "text_2" in model else dict(safety_checker=None, feature_extractor=None, requires_safety_checker=False)
    options |= model.get("index", {})
    pipeline = kind(unet=unet, vae=vae, scheduler=scheduler, **parts, **options)
    for component in (unet, vae, *(part for part in parts.values() if hasattr(part, "half"))):
        component.half()
    pipeline.save_pretrained(folder)
    for tokenizer in ("tokenizer", "tokenizer_2"):
        if parts.get(tokenizer) is not None:
            shutil.rmtree(folder / tokenizer)
            write_tokenizer(folder / tokenizer)


def files_of(folder, options):
    files = scheduler_files(options["scheduler"], folder) if "scheduler" in options else {}
    if "index" in options:
        index = files.get("model_index.json") or json.loads((folder / "model_index.json").read_text())
        files["model_index.json"] = {**index, **options["index"]}
    for part in ("vae", "transformer"):
        if part in options:
            files[f"{part}/config.json"] = {**json.loads((folder / part / "config.json").read_text()), **options[part]}
    return files


def task_of(kind):
    if "Inpaint" in kind or "Fill" in kind:
        return "inpaint"
    return "image-to-image" if "Img2Img" in kind or "Instruct" in kind else "text-to-image"


@torch.no_grad()
def run(name, case, tensors, image, mask):
    label, kind, arguments, options = case
    folder = FOLDER / name
    files = files_of(folder, options)
    plain = getattr(diffusers, kind)
    extra = {} if "XL" in kind else dict(requires_safety_checker=False)
    is_cosxl = options.get("index", {}).get("is_cosxl_edit")
    pipeline = load(plain, folder, files=files, **({"is_cosxl_edit": True} if is_cosxl else {}), **extra)
    request = {**INPUTS, "count": 1, **arguments}
    task = task_of(kind)
    inputs = {} if task == "text-to-image" else dict(image=Image.fromarray(image))
    if task == "inpaint":
        inputs |= dict(mask_image=Image.fromarray(mask), width=64, height=64)
    call = {key: value for key, value in request.items() if key not in ("seed", "steps", "count")}
    call |= dict(prompt=PROMPT, num_inference_steps=request["steps"], num_images_per_prompt=request["count"])
    # SDXL's Img2Img repeats one picture for its generators only where it is given as often.
    generators = [torch.Generator().manual_seed(request["seed"] + i) for i in range(request["count"])]
    fields = {}
    if "base" in options:
        base = load(diffusers.StableDiffusionXLPipeline, FOLDER / options["base"])
        latent = base(
            **call, denoising_end=options["at"], generator=generators, output_type="latent"
        ).images
        inputs = dict(image=latent, denoising_start=options["at"])
        fields = {"base": options["base"], "at": options["at"]}
        generators = [torch.Generator().manual_seed(request["seed"])]
    result = pipeline(**call, **inputs, generator=generators if len(generators) > 1 else generators[0], output_type="np").images
    pixels = torch.from_numpy(np.ascontiguousarray((result * 255).round().astype(np.uint8)))
    print(f"{name}/{label}: {list(pixels.shape)}, mean {result.mean():.3f}, spread {result.std():.3f}")
    tensors[label] = pixels
    given = {KEYS[key]: value for key, value in request.items() if key in KEYS}
    given |= {"task": task, "prompt": PROMPT}
    if "clipSkip" in options:
        given["clipSkip"] = options["clipSkip"]
    if "own" in options:
        given["backendOptions"] = {"local": options["own"]}
    return {"name": label, "request": given, **({"files": files} if files else {}), **fields}


def main(names):
    image, mask = picture()
    for name in names:
        model = MODELS[name]
        write_model(name, model)
        tensors = {}
        cases = [run(name, case, tensors, image, mask) for case in model["cases"]]
        save_file(tensors, FOLDER / f"{name}.safetensors")
        (FOLDER / f"{name}.json").write_text(json.dumps(cases, indent=2) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:] or MODELS)
