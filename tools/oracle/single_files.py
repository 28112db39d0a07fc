"""Writes tiny single-file checkpoints in the original naming, and the pictures that diffusers makes from them.

Each is packages/backend-local/fixtures/single-files/<name>.safetensors.br: random weights of few values each (so that they
compress), in the names of CompVis' and Stability's code, among them what real files carry beside the model. diffusers reads the
file itself (`from_single_file`, with the configs from a folder, as there is no Hub here), and what it makes is the reference:
<name>.json has the requests and the configs, pictures.safetensors `<name>.<case>` (U8 [height, width, 3]).

Needs, beside tools/oracle's usual: `pip install brotli`, and `pip install --no-deps open_clip_torch` for CLIP's vocabulary.

    python tools/oracle/single_files.py [name ...]
"""

import gzip
import json
import sys
import tempfile
from importlib.metadata import files
from pathlib import Path

import brotli
import diffusers
import numpy as np
import original_names
import PIL.Image
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import load_file, save_file
from tokenizer import byte_characters
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

FOLDER = Path(__file__).parents[2] / "packages/backend-local/fixtures/single-files"
PROMPT, NEGATIVE = "a red apple on a blue background", "blurry"
CROSS, PLAIN = "CrossAttnDownBlock2D", "DownBlock2D"
CROSS_UP, PLAIN_UP = "CrossAttnUpBlock2D", "UpBlock2D"
SCHEDULE = dict(
    beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", num_train_timesteps=1000, timestep_spacing="leading",
    steps_offset=1,
)  # fmt: skip
PNDM = ("PNDMScheduler", dict(**SCHEDULE, skip_prk_steps=True, set_alpha_to_one=False))
DDIM = ("DDIMScheduler", dict(**SCHEDULE, clip_sample=False, set_alpha_to_one=False))
EULER = ("EulerDiscreteScheduler", dict(**SCHEDULE))

CLIP = dict(
    vocab_size=49408, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=1, hidden_act="quick_gelu",
    bos_token_id=49406, eos_token_id=49407,
)  # fmt: skip
OPEN = {**CLIP, "hidden_act": "gelu", "num_hidden_layers": 3}
OPEN_XL = {**OPEN, "hidden_size": 128, "num_attention_heads": 2, "projection_dim": 96}

SD1 = dict(
    in_channels=4, block_out_channels=(32, 64), down_block_types=(CROSS, PLAIN), up_block_types=(PLAIN_UP, CROSS_UP),
    layers_per_block=1, cross_attention_dim=64, attention_head_dim=8, sample_size=64,
)  # fmt: skip
SD2 = dict(
    in_channels=4, block_out_channels=(64, 64), down_block_types=(CROSS, PLAIN), up_block_types=(PLAIN_UP, CROSS_UP),
    layers_per_block=1, cross_attention_dim=64, attention_head_dim=(1, 1), use_linear_projection=True, sample_size=96,
)  # fmt: skip
XL = dict(
    in_channels=4, block_out_channels=(32, 64), down_block_types=(PLAIN, CROSS), up_block_types=(CROSS_UP, PLAIN_UP),
    layers_per_block=1, transformer_layers_per_block=(1, 2), cross_attention_dim=192, attention_head_dim=(1, 1),
    use_linear_projection=True, addition_embed_type="text_time", addition_time_embed_dim=8,
    projection_class_embeddings_input_dim=96 + 6 * 8, sample_size=128,
)  # fmt: skip
X4 = dict(
    **{**SD2, "in_channels": 7, "sample_size": 128, "only_cross_attention": (False, True), "attention_head_dim": 8}, num_class_embeds=1000,
)  # fmt: skip
EDM = ("EDMEulerScheduler", dict(prediction_type="v_prediction", sigma_data=1.0, sigma_max=120.0, sigma_min=0.002))
REFINER = {
    **XL, "block_out_channels": (32, 64, 64), "down_block_types": (PLAIN, CROSS, PLAIN), "up_block_types": (PLAIN_UP, CROSS_UP, PLAIN_UP),
    "transformer_layers_per_block": 2, "attention_head_dim": (1, 1, 1), "cross_attention_dim": 128,
    "projection_class_embeddings_input_dim": 96 + 5 * 8,
}  # fmt: skip

#: Which pipeline, networks and scheduler; `texts` are by component, with the prefix that a single file gives each.
FILES = {
    "sd1": dict(
        pipeline="StableDiffusionPipeline", unet=SD1, scheduler=PNDM, scaling=0.18215,
        texts={"text_encoder": ("cond_stage_model.transformer.", CLIP)},
        cases={"text": dict(), "image": dict(task="image-to-image")},
    ),
    "sd1-inpainting": dict(
        pipeline="StableDiffusionInpaintPipeline", unet={**SD1, "in_channels": 9}, scheduler=DDIM, scaling=0.18215,
        texts={"text_encoder": ("cond_stage_model.transformer.", CLIP)}, cases={"inpaint": dict(task="inpaint", strength=1.0)},
    ),
    "instruct-pix2pix": dict(
        pipeline="StableDiffusionInstructPix2PixPipeline", unet={**SD1, "in_channels": 8}, scaling=0.18215,
        scheduler=("EulerAncestralDiscreteScheduler", dict(**SCHEDULE)),
        texts={"text_encoder": ("cond_stage_model.transformer.", CLIP)}, cases={"edit": dict(task="instruct")},
    ),
    "sd2": dict(
        pipeline="StableDiffusionPipeline", unet=SD2, scheduler=(DDIM[0], dict(**DDIM[1], prediction_type="v_prediction")),
        scaling=0.18215, texts={"text_encoder": ("cond_stage_model.model.", OPEN)}, cases={"text": dict()},
    ),
    "sdxl": dict(
        pipeline="StableDiffusionXLPipeline", unet=XL, scheduler=EULER, scaling=0.13025,
        texts={
            "text_encoder": ("conditioner.embedders.0.transformer.", CLIP),
            "text_encoder_2": ("conditioner.embedders.1.model.", OPEN_XL),
        },
        cases={"text": dict(), "image": dict(task="image-to-image")},
    ),
    "sdxl-refiner": dict(
        pipeline="StableDiffusionXLImg2ImgPipeline", unet=REFINER, scheduler=EULER, scaling=0.13025,
        texts={"text_encoder_2": ("conditioner.embedders.0.model.", OPEN_XL)},
        cases={"image": dict(task="image-to-image"), "no-negative": dict(task="image-to-image", negative=None)},
    ),
    "x4-upscaler": dict(
        pipeline="StableDiffusionUpscalePipeline", unet=X4, scheduler=(DDIM[0], dict(**DDIM[1], prediction_type="v_prediction")),
        scaling=0.08333, levels=3, texts={"text_encoder": ("cond_stage_model.model.", OPEN)}, cases={"upscale": dict(task="upscale")},
    ),
    # SDXL's file with tensors that mark another noise, or of another width: only these are kept.
    "playground": dict(
        like="sdxl", scheduler=("EDMDPMSolverMultistepScheduler", dict(sigma_data=0.5, sigma_max=80.0, sigma_min=0.002)), scaling=0.5,
        means=[-1.6574, 1.886, -1.383, 2.5155], deviations=[8.4927, 5.9022, 6.5498, 5.2299], cases={"text": dict()},
    ),
    "cosxl": dict(like="sdxl", scheduler=EDM, edm=True, cases={"text": dict(), "image": dict(task="image-to-image")}),
    "cosxl-edit": dict(
        like="sdxl", pipeline="StableDiffusionXLInstructPix2PixPipeline", unet={**XL, "in_channels": 8}, scheduler=EDM, edm=True,
        cases={"edit": dict(task="instruct")},
    ),
}  # fmt: skip


def write_clip_tokenizer(folder, pad):
    """CLIP's own vocabulary, as transformers wants it."""
    path = next(file for file in files("open_clip_torch") if file.name == "bpe_simple_vocab_16e6.txt.gz").locate()
    merges = gzip.open(path, "rt", encoding="utf-8").read().split("\n")[1 : 49152 - 256 - 2 + 1]
    characters = byte_characters()
    pieces = [*characters, *(c + "</w>" for c in characters), *(merge.replace(" ", "") for merge in merges)]
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = {piece: i for i, piece in enumerate([*pieces, "<|startoftext|>", "<|endoftext|>"])}
    assert len(vocabulary) == 49408
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{merge}\n" for merge in merges))
    return CLIPTokenizer(vocab=str(folder / "vocab.json"), merges=str(folder / "merges.txt"), pad_token=pad, model_max_length=77)


def randomise(model, seed):
    """Weights of one magnitude and random sign in each tensor: activations stay near 1, and files compress to a bit a weight."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        sign = torch.randint(0, 2, parameter.shape, generator=generator) * 2 - 1
        if parameter.dim() == 1:
            value = 1 + 0.125 * sign if "norm" in name and name.endswith("weight") else 0.0625 * sign
        elif "token_embedding" in name:
            value = 0.5 * sign[torch.arange(len(sign)) % 61]
        elif "embedding" in name and "linear" not in name:
            value = 0.5 * sign
        else:
            value = sign / parameter[0].numel() ** 0.5
        parameter.data = value.half().float()
    return model.eval()


def build(case, folder):
    """Networks with their configs in `folder`, and their tensors in the original's names."""
    unet = randomise(UNet2DConditionModel(**case["unet"]), 1)
    for name, weight in unet.named_parameters():
        if name.endswith(("attn2.to_out.0.weight", "time_emb_proj.weight")):
            weight.data = weight * 2
    levels = case.get("levels", 4)
    vae = AutoencoderKL(
        block_out_channels=(32,) * levels, layers_per_block=1, down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels, latent_channels=4, sample_size=64, scaling_factor=case["scaling"],
        latents_mean=case.get("means"), latents_std=case.get("deviations"),
    )  # fmt: skip
    randomise(vae, 2)
    vae.decoder.conv_out.weight.data = vae.decoder.conv_out.weight * 0.5
    own = {
        **original_names.prefixed("model.diffusion_model.", original_names.unet(unet.state_dict(), 1)),
        **original_names.prefixed("first_stage_model.", original_names.vae(vae.state_dict(), levels)),
        # What real files have beside it.
        "betas": torch.linspace(0, 1, 4), "model_ema.decay": torch.tensor(0.9), "model_ema.num_updates": torch.tensor(3, dtype=torch.int32),
    }  # fmt: skip
    components = dict(unet=unet, vae=vae, scheduler=getattr(diffusers, case["scheduler"][0])(**case["scheduler"][1]))
    for i, (name, (prefix, config)) in enumerate(case["texts"].items()):
        second = name == "text_encoder_2"
        open_clip = ".model." in prefix
        # OpenCLIP's files have the projection, and a last block that Stable Diffusion 2 doesn't run.
        kind = CLIPTextModelWithProjection if open_clip else CLIPTextModel
        whole = randomise(kind(CLIPTextConfig(**config)), 3 + i)
        state = whole.state_dict()
        if open_clip:
            own.update(original_names.prefixed(prefix, original_names.open_clip(state)))
            own[prefix + "logit_scale"] = torch.tensor(4.6)
        else:
            own.update(original_names.prefixed(prefix, original_names.text(state)))
            own[prefix + "text_model.embeddings.position_ids"] = torch.arange(77)[None]
        if open_clip and not second:
            config = {**config, "num_hidden_layers": config["num_hidden_layers"] - 1}
            kind = CLIPTextModel
        components[name] = kind(CLIPTextConfig(**config)).eval()
        tokenizer = "tokenizer_2" if second else "tokenizer"
        components[tokenizer] = write_clip_tokenizer(folder / "words", "!" if open_clip else "<|endoftext|>")
    pipeline = getattr(diffusers, case["pipeline"])
    absent = {}
    if "XL" not in case["pipeline"]:
        absent = dict(safety_checker=None, feature_extractor=None, requires_safety_checker=False)
    elif case["pipeline"].endswith("Img2ImgPipeline"):
        absent = dict(text_encoder=None, tokenizer=None, requires_aesthetics_score=True, force_zeros_for_empty_prompt=False)
    if "Upscale" in case["pipeline"]:
        low = diffusers.DDPMScheduler(beta_start=0.0001, beta_end=0.02, beta_schedule="scaled_linear")
        absent = dict(low_res_scheduler=low, safety_checker=None, feature_extractor=None, watermarker=None)
    if "XL" in case["pipeline"]:
        absent["add_watermarker"] = False
    pipeline(**components, **absent).save_pretrained(folder)
    return own


def picture(size):
    """A gradient with a disc: a picture with edges and slopes."""
    y, x = np.mgrid[0:size, 0:size] / size
    disc = ((x - 0.4) ** 2 + (y - 0.5) ** 2 < 0.08)[..., None]
    pixels = np.where(disc, [220, 60, 40], np.stack([255 * x, 255 * y, 128 + 0 * x], axis=-1))
    return PIL.Image.fromarray(pixels.round().astype(np.uint8))


def derived(case):
    """A case that has another's file, with some tensors of its own."""
    whole = {**FILES[case["like"]], **case}
    more = {}
    if "means" in case:
        more.update(edm_mean=torch.tensor(case["means"]), edm_std=torch.tensor(case["deviations"]))
    if case.get("edm"):
        _, noise = case["scheduler"]
        more.update({f"edm_vpred.{name}": torch.tensor(noise[name]) for name in ("sigma_max", "sigma_min")})
    return whole, more


def run(pipeline, request, size=64):
    task = request.pop("task", "text-to-image")
    negative = request.pop("negative", NEGATIVE)
    options = {}
    if task != "text-to-image":
        options["image"] = picture(size // 2 if task == "upscale" else size)
    if task == "image-to-image":
        request.setdefault("strength", 0.6)
    if task == "image-to-image" and "Img2Img" not in type(pipeline).__name__:
        pipeline = getattr(diffusers, type(pipeline).__name__.replace("Img2Img", "").replace("Pipeline", "Img2ImgPipeline"))(**pipeline.components, **watermark(pipeline))
    if task == "inpaint":
        mask = np.zeros((size, size), np.uint8)
        mask[16:48, 24:64] = 255
        options.update(mask_image=PIL.Image.fromarray(mask), width=size, height=size)
    if task == "text-to-image":
        options.update(width=size, height=size)
    if "strength" in request:
        options["strength"] = request["strength"]
    if task == "instruct":
        options["image_guidance_scale"] = 1.5
        if "XL" in type(pipeline).__name__:
            options.update(width=size, height=size)  # else its own size, whatever the picture's
    pipeline.set_progress_bar_config(disable=True)
    image = pipeline(
        prompt=PROMPT, negative_prompt=negative, num_inference_steps=5, guidance_scale=5.0, generator=torch.Generator().manual_seed(7),
        **options,
    ).images[0]  # fmt: skip
    return task, np.array(image)


def kept(case):
    """What from_single_file forgets of the folder's pipeline."""
    return dict(is_cosxl_edit=True) if "XLInstruct" in case["pipeline"] else {}


def watermark(pipeline):
    if "XL" not in type(pipeline).__name__:
        return dict(requires_safety_checker=False)
    return dict(add_watermarker=False, **({"requires_aesthetics_score": True} if pipeline.config.get("requires_aesthetics_score") else {}))


@torch.no_grad()
def write(name, case, pictures):
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "configs"
        more = {}
        if "like" in case:
            base = build(FILES[case["like"]], Path(temporary) / "base")
            case, more = derived(case)
            own = {key: value for key, value in build(case, folder).items() if value.shape != base[key].shape}
            more = {**{key: value.half().contiguous() for key, value in own.items()}, **more}
            own = {**base, **more}
        else:
            own = build(case, folder)
        own = {key: value.half().contiguous() if value.is_floating_point() and key not in more else value for key, value in own.items()}
        path = Path(temporary) / f"{name}.safetensors"
        save_file({key: value.clone() for key, value in own.items()}, path)
        cases = []
        for label, request in case["cases"].items():
            pipeline = getattr(diffusers, case["pipeline"]).from_single_file(str(path), config=str(folder), **kept(case))
            task, pixels = run(pipeline, dict(request))
            print(f"{name} {label}: mean {pixels.mean():.1f}, spread {pixels.std():.1f}, clipped {np.isin(pixels, [0, 255]).mean():.1%}")
            pictures[f"{name}.{label}"] = torch.from_numpy(pixels)
            cases.append({"name": label, "task": task, **request})
        configs = {part.parent.name: json.loads(part.read_text()) for part in sorted(folder.glob("*/config.json"))}
        like = dict(like=case["like"]) if "like" in case else {}
        (FOLDER / f"{name}.json").write_text(json.dumps(dict(**like, pipeline=case["pipeline"], cases=cases, configs=configs), indent=1) + "\n")
        if like:
            save_file({key: value.clone() for key, value in more.items()}, path)
        data = path.read_bytes()
        packed = brotli.compress(data, quality=11, lgwin=24)
        (FOLDER / f"{name}.safetensors.br").write_bytes(packed)
        print(f"{name}: {len(data)} bytes, {len(packed)} packed")


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    wanted = sys.argv[1:] or list(FILES)
    store = FOLDER / "pictures.safetensors"
    pictures = load_file(store) if store.exists() else {}
    pictures["input"] = torch.from_numpy(np.array(picture(64)))
    pictures["small"] = torch.from_numpy(np.array(picture(32)))
    for name in wanted:
        write(name, FILES[name], pictures)
        save_file(pictures, store)
