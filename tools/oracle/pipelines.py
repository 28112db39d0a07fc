"""Writes complete, tiny, random Stable Diffusion folders, and the images that diffusers makes with them.

Each is packages/backend-local/fixtures/pipelines/<name>/, a folder as save_pretrained writes it. Beside it <name>.json
lists the requests (and the scheduler, where it is not the folder's own) and <name>.safetensors holds for each request
`<case>.images` (U8 [count, height, width, 3]), `<case>.latents`, `<case>.noise` (the initial latents, before the
scheduler scales them), and for the folder `prompt_embeds` and `negative_prompt_embeds`. Image i has the seed seed + i.

    python tools/oracle/pipelines.py [name ...]
"""

import json
import shutil
import sys
from pathlib import Path

import diffusers
import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline, UNet2DConditionModel
from networks import randomise
from safetensors.torch import save_file
from saved import load
from tokenizer import write_tokenizer
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

FOLDER = Path(__file__).parents[2] / "packages/backend-local/fixtures/pipelines"
PROMPT = "a red apple on a blue background"
NEGATIVE = "blurry"

SD_SCHEDULE = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", num_train_timesteps=1000)

PIPELINES = {
    # Stable Diffusion 1.x: epsilon, f = 8, convolutions as projections; stored in float16.
    "sd1": dict(
        dtype=torch.float16,
        text=dict(hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2, eos_token_id=2),
        unet=dict(
            block_out_channels=(16, 32),
            down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
            layers_per_block=1,
            attention_head_dim=2,
            norm_num_groups=8,
            sample_size=8,
        ),
        vae=dict(block_out_channels=(8, 8, 8, 16), layers_per_block=1, norm_num_groups=4, sample_size=64),
        scheduler=("DDIMScheduler", dict(**SD_SCHEDULE, steps_offset=1, clip_sample=False, set_alpha_to_one=False)),
        cases={
            "own": {},
            "pndm": dict(
                scheduler=(
                    "PNDMScheduler",
                    dict(**SD_SCHEDULE, steps_offset=1, skip_prk_steps=True, set_alpha_to_one=False),
                )
            ),
            "euler": dict(scheduler=("EulerDiscreteScheduler", dict(**SD_SCHEDULE, steps_offset=1))),
            "wide": dict(width=96, height=64, count=1, steps=4, seed=2**32 + 3),
            "no-guidance": dict(guidance_scale=1.0, count=1),
        },
    ),
    # Stable Diffusion 2.x: v-prediction, linear projections, heads by level; stored in bfloat16.
    "sd2": dict(
        dtype=torch.bfloat16,
        text=dict(
            hidden_size=24, intermediate_size=48, num_hidden_layers=2, num_attention_heads=3, hidden_act="gelu",
            projection_dim=24, eos_token_id=2,
        ),
        unet=dict(
            block_out_channels=(8, 16, 16),
            down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
            layers_per_block=1,
            attention_head_dim=(1, 2, 2),
            use_linear_projection=True,
            norm_num_groups=4,
            sample_size=8,
        ),
        vae=dict(block_out_channels=(8, 8, 8, 8), layers_per_block=1, norm_num_groups=4, sample_size=64),
        scheduler=("EulerDiscreteScheduler", dict(**SD_SCHEDULE, prediction_type="v_prediction", steps_offset=1)),
        cases={
            "own": {},
            "dpmpp-2m": dict(
                scheduler=("DPMSolverMultistepScheduler", dict(**SD_SCHEDULE, prediction_type="v_prediction"))
            ),
            "ddim": dict(
                scheduler=(
                    "DDIMScheduler",
                    dict(
                        **SD_SCHEDULE, prediction_type="v_prediction", steps_offset=1, clip_sample=False,
                        set_alpha_to_one=False,
                    ),
                )
            ),
        },
    ),
    # Another autoencoder: f = 4, 8 channels, no quantising convolutions; in float32, with tokenizer.json alone.
    "f4": dict(
        dtype=torch.float32,
        tokenizer_json=True,
        text=dict(hidden_size=8, intermediate_size=16, num_hidden_layers=1, num_attention_heads=1, eos_token_id=None),
        unet=dict(
            in_channels=8,
            out_channels=8,
            block_out_channels=(8, 16),
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            layers_per_block=1,
            attention_head_dim=2,
            norm_num_groups=4,
            sample_size=12,
        ),
        vae=dict(
            block_out_channels=(8, 8, 16), layers_per_block=1, norm_num_groups=4, sample_size=48, latent_channels=8,
            use_quant_conv=False, use_post_quant_conv=False, scaling_factor=0.5,
        ),
        scheduler=("DPMSolverMultistepScheduler", dict(**SD_SCHEDULE, use_karras_sigmas=True)),
        cases={
            "own": {},
            "euler-ancestral": dict(scheduler=("EulerAncestralDiscreteScheduler", dict(**SD_SCHEDULE))),
        },
    ),
}

REQUEST = dict(seed=7, count=2, steps=6, guidance_scale=5.0)


def scheduler_of(description):
    name, options = description
    return getattr(diffusers, name)(**options)


def build(case, folder):
    dtype = case["dtype"]
    vocabulary = write_tokenizer(folder / "tokenizer")
    tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer")
    end = vocabulary["<|endoftext|>"]
    text = {**case["text"], "eos_token_id": case["text"]["eos_token_id"] or end}
    text_encoder = randomise(
        CLIPTextModel(CLIPTextConfig(vocab_size=len(vocabulary), bos_token_id=end - 1, pad_token_id=end, **text)), 1, dtype
    )
    unet = randomise(UNet2DConditionModel(cross_attention_dim=text["hidden_size"], **case["unet"]), 2, dtype)
    levels = len(case["vae"]["block_out_channels"])
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * levels, up_block_types=("UpDecoderBlock2D",) * levels, **case["vae"]
    )
    randomise(vae, 3, dtype)
    # Random weights heed the text and the time little, and then every scheduler gives nearly the same picture.
    for name, weight in unet.named_parameters():
        if name.endswith(("attn2.to_out.0.weight", "time_emb_proj.weight")):
            weight.data = (weight * 3).to(dtype).float()
    vae.decoder.conv_out.weight.data = (vae.decoder.conv_out.weight * 0.5).to(dtype).float()
    return StableDiffusionPipeline(
        vae=vae, text_encoder=text_encoder, tokenizer=tokenizer, unet=unet,
        scheduler=scheduler_of(case["scheduler"]), safety_checker=None, feature_extractor=None,
        requires_safety_checker=False,
    )  # fmt: skip


def save_folder(pipeline, case, folder):
    """As save_pretrained lays it out, but for the tokenizer: one has vocab.json and merges.txt, the other tokenizer.json."""
    pipeline.save_pretrained(folder)
    for component in ("unet", "vae", "text_encoder"):
        getattr(pipeline, component).to(case["dtype"]).save_pretrained(folder / component)
        getattr(pipeline, component).to(torch.float32)
    tokenizer = folder / "tokenizer"
    if case.get("tokenizer_json"):
        for name in ("vocab.json", "merges.txt"):
            (tokenizer / name).unlink(missing_ok=True)
    else:
        shutil.rmtree(tokenizer)
        write_tokenizer(tokenizer)


def run(pipeline, name, request, tensors):
    f = pipeline.vae_scale_factor
    size = pipeline.unet.config.sample_size * f
    request = {"width": size, "height": size, **REQUEST, **request}
    generators = [torch.Generator().manual_seed(request["seed"] + i) for i in range(request["count"])]
    shape = (1, pipeline.unet.config.in_channels, request["height"] // f, request["width"] // f)
    noise = [torch.randn(shape, generator=torch.Generator().manual_seed(request["seed"] + i)) for i in range(request["count"])]
    arguments = dict(
        prompt=PROMPT, negative_prompt=NEGATIVE, width=request["width"], height=request["height"],
        num_inference_steps=request["steps"], guidance_scale=request["guidance_scale"],
        num_images_per_prompt=request["count"],
    )  # fmt: skip
    latents = pipeline(**arguments, generator=generators, output_type="latent").images
    images = pipeline.image_processor.postprocess(
        pipeline.vae.decode(latents / pipeline.vae.config.scaling_factor).sample, output_type="pt"
    )
    pixels = (images * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous()
    clipped = ((images == 0) | (images == 1)).float().mean()
    print(f"{name}: mean {images.mean():.3f}, spread {images.std():.3f}, clipped {clipped:.1%}")
    tensors.update({f"{name}.images": pixels, f"{name}.latents": latents, f"{name}.noise": torch.cat(noise)})
    keys = dict(guidance_scale="guidanceScale")
    return {keys.get(key, key): value for key, value in request.items()}


@torch.no_grad()
def write(name, case):
    folder = FOLDER / name
    shutil.rmtree(folder, ignore_errors=True)
    pipeline = build(case, folder)
    save_folder(pipeline, case, folder)
    tensors, cases = {}, []
    for label, changes in case["cases"].items():
        request = dict(changes)
        chosen = request.pop("scheduler", None)
        pipeline = load(StableDiffusionPipeline, folder, chosen)
        request = run(pipeline, label, request, tensors)
        entry = {"name": label, "request": {"prompt": PROMPT, "negativePrompt": NEGATIVE, **request}}
        if chosen:
            entry["scheduler"] = {"_class_name": chosen[0], **chosen[1]}
        cases.append(entry)
    tensors["prompt_embeds"], tensors["negative_prompt_embeds"] = pipeline.encode_prompt(PROMPT, "cpu", 1, True, NEGATIVE)
    save_file(tensors, folder.with_suffix(".safetensors"))
    folder.with_suffix(".json").write_text(json.dumps(cases, indent=2) + "\n")


if __name__ == "__main__":
    for name in sys.argv[1:] or PIPELINES:
        write(name, PIPELINES[name])
