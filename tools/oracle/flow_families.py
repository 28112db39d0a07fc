"""Writes tiny, random folders of the flow models (Z-Image, FLUX.2 …), and what diffusers makes with them.

Each is packages/backend-local/fixtures/families/<name>/, as save_pretrained writes it. Beside it <name>.json lists the cases as
those of families.py, and <name>.safetensors holds for each case its images, U8 [count, height, width, 3]; and for each network
`<network>/in.<input>` and `<network>/out.<output>`, what its graph has to compute. Every pipeline is made from a saved folder.

    python tools/oracle/flow_families.py [name ...]
"""

import functools
import json
import shutil
import sys

import diffusers
import numpy as np
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, ZImagePipeline, ZImageTransformer2DModel
from families import FOLDER, KEYS, files_of, task_of
from flow_auraflow import AURAFLOW
from flow_flux1 import FLUX1, FLUX1_FILL
from flow_chroma import CHROMA
from flow_chroma import OWN as OF_CHROMA
from flow_flux2 import FLUX2
from flow_flux2 import OWN as OF_FLUX2
from flow_flux3 import FLUX3, Flux3Pipeline
from flow_krea2 import KREA2, OWN
from flow_lumina2 import LUMINA2
from flow_parts import encoder_values, flux_vae, noise, qwen3, randomise
from flow_pixart import PIXART
from flow_qwen_image import QWEN_IMAGE, QWEN_IMAGE_EDIT, with_places
from flow_qwen_image_21 import OWN as OF_QWEN_IMAGE_21
from flow_qwen_image_21 import QWEN_IMAGE_21
from flow_sana import SANA
from flow_sd3 import SD3
from pipeline_inputs import picture
from PIL import Image
from safetensors.torch import save_file
from saved import load
from text_tokenizer import write_text_tokenizer

PROMPT = "a red apple on a blue background"
INPUTS = dict(steps=4, seed=7)
#: Pictures by the names that pipeline_inputs.py has written them under, and their sides.
PICTURES = {"image": 64, "image96": 96}


def reference(name):
    """A picture by its name; `wide` is the upper half of the larger one, `glass` a picture that is the clearer the further left."""
    if name == "glass":
        alpha = np.broadcast_to(np.arange(64, dtype=np.uint8)[None, :, None] * 4, (64, 64, 1))
        return Image.fromarray(np.concatenate([picture(64)[0], alpha], -1), "RGBA")
    return Image.fromarray(picture(96)[0][:48] if name == "wide" else picture(PICTURES[name])[0])


def z_image(folder):
    tokenizer = write_text_tokenizer(folder / "tokenizer")
    transformer = ZImageTransformer2DModel(
        dim=32, n_layers=2, n_refiner_layers=1, n_heads=2, n_kv_heads=2, cap_feat_dim=24, axes_dims=[4, 6, 6],
    )  # fmt: skip
    return ZImagePipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0), vae=flux_vae(), text_encoder=qwen3(tokenizer),
        tokenizer=tokenizer, transformer=randomise(transformer, 2),
    )  # fmt: skip


def z_image_networks(pipeline):
    """As the pipeline calls them, with padding in the texts."""
    transformer = pipeline.transformer
    yield encoder_values(pipeline.text_encoder, (-2,))
    latent, text = noise((16, 1, 8, 16), 4), noise((9, 24), 5)
    image_angles = transformer.rope_embedder(transformer.create_coordinate_grid((1, 4, 8), (33, 0, 0)).flatten(0, 2))
    text_angles = transformer.rope_embedder(torch.tensor([[1 + i, 0, 0] for i in range(32)]))
    tokens = transformer._patchify_image(latent, 2, 1)[0]
    velocity = transformer([latent], torch.tensor([0.35]), [text], return_dict=False)[0][0]
    inputs = dict(
        image=tokens[None], image_padding=torch.zeros(1, 32, 1, dtype=torch.bool),
        image_cos=image_angles.real, image_sin=image_angles.imag, text=torch.nn.functional.pad(text, (0, 0, 0, 23))[None],
        text_padding=(torch.arange(32) >= 9)[None, :, None], text_cos=text_angles.real, text_sin=text_angles.imag,
        timestep=torch.tensor([350.0]),
    )  # fmt: skip
    yield "transformer", inputs, dict(velocity=transformer._patchify_image(velocity, 2, 1)[0][None])


DYNAMIC = ("FlowMatchEulerDiscreteScheduler", dict(use_dynamic_shifting=True, base_shift=0.5, max_shift=1.15, shift=3.0))
Z, Z_I2I, Z_INPAINT = "ZImagePipeline", "ZImageImg2ImgPipeline", "ZImageInpaintPipeline"

#: name: (makes the pipeline, its networks' inputs and outputs, cases as in families.py)
MODELS = {
    "z-image": (z_image, z_image_networks, [
        ("turbo", Z, dict(guidance_scale=0.0, count=2), {}),
        ("guided", Z, dict(guidance_scale=2.0), {}),
        ("weakly", Z, dict(guidance_scale=0.5), {}),
        ("negative", Z, dict(guidance_scale=2.0, negative_prompt="blurry photo of a cat"), {}),
        ("wide", Z, dict(guidance_scale=0.0, width=96, height=48), {}),
        ("long", Z, dict(guidance_scale=0.0, prompt="a green dog, " * 60), {}),
        ("special", Z, dict(guidance_scale=0.0, prompt="Ünï 3,14 <|im_end|>\n\n 猫 it's"), {}),
        ("dynamic-shift", Z, dict(guidance_scale=0.0), dict(scheduler=DYNAMIC)),
        ("image-to-image", Z_I2I, dict(guidance_scale=0.0, strength=0.6, count=2, steps=5), {}),
        ("image-to-image-guided", Z_I2I, dict(guidance_scale=1.5, strength=0.5, negative_prompt="blurry", steps=5), {}),
        ("inpaint", Z_INPAINT, dict(guidance_scale=0.0, strength=1.0, count=2), {}),
        ("inpaint-partly", Z_INPAINT, dict(guidance_scale=2.0, strength=0.7), {}),
    ]),
    "flux2": FLUX2,
    "flux1": FLUX1,
    "flux1-fill": FLUX1_FILL,
    "stable-diffusion-3": SD3,
    "qwen-image": QWEN_IMAGE,
    "qwen-image-edit": QWEN_IMAGE_EDIT,
    "qwen-image-21": QWEN_IMAGE_21,
    "krea2": KREA2,
    "flux3": FLUX3,
    "chroma": CHROMA,
    "pixart-sigma": PIXART,
    "lumina2": LUMINA2,
    "auraflow": AURAFLOW,
    "sana": SANA,
}  # fmt: skip


#: Pipelines that are not diffusers' own.
OURS = {**OWN, **OF_CHROMA, **OF_FLUX2, **OF_QWEN_IMAGE_21, "Flux3Pipeline": Flux3Pipeline}


@functools.cache
def loaded(kind, name, files, without):
    pipeline = load(OURS.get(kind) or getattr(diffusers, kind), FOLDER / name, files=json.loads(files), **{part: None for part in without})
    return with_places(pipeline) if kind.startswith("QwenImageEdit") else pipeline


def run(name, case, tensors, image, mask):
    label, kind, arguments, options = case
    folder = FOLDER / name
    files = options["files"](folder) if "files" in options else files_of(folder, options)
    pipeline = loaded(kind, name, json.dumps(files), tuple(options.get("without", ())))
    side = dict(width=64, height=64)
    request = {"prompt": PROMPT, **INPUTS, "count": 1, **side, **arguments}
    task = options.get("task") or task_of(kind)
    inputs = {} if task == "text-to-image" else dict(image=Image.fromarray(image))
    if task == "inpaint":
        inputs |= dict(mask_image=Image.fromarray(mask))
    references = options.get("references", [])
    if references:
        shown = [reference(each) for each in references]
        inputs = {**inputs, "image_reference": shown[0]} if task == "inpaint" else dict(image=shown[0] if options.get("single") else shown)
    request = {key: value for key, value in request.items() if value is not None}
    call = {key: value for key, value in request.items() if key not in ("seed", "steps", "count")}
    call |= dict(num_inference_steps=request["steps"], num_images_per_prompt=request["count"], **options.get("call", {}))
    generators = [torch.Generator().manual_seed(request["seed"] + i) for i in range(request["count"])]
    result = pipeline(**call, **inputs, generator=generators if len(generators) > 1 else generators[0], output_type="np").images
    pixels = torch.from_numpy(np.ascontiguousarray((result * 255).round().astype(np.uint8)))
    print(f"{name}/{label}: {list(pixels.shape)}, mean {result.mean():.3f}, spread {result.std():.3f}")
    tensors[label] = pixels
    given = {KEYS[key]: value for key, value in request.items() if key in KEYS}
    given |= {"task": task, "prompt": request["prompt"], **({"backendOptions": {"local": options["own"]}} if "own" in options else {})}
    more = {"references": references} if references else {}
    return {"name": label, "request": given, **more, **({"files": files} if files else {})}


@torch.no_grad()
def main(names):
    image, mask = picture()
    for name in names:
        make, networks, cases = MODELS[name]
        folder = FOLDER / name
        shutil.rmtree(folder, ignore_errors=True)
        pipeline = make(folder)
        tensors = {}
        for network, inputs, outputs in networks(pipeline):
            tensors |= {f"{network}/in.{key}": value.contiguous().clone() for key, value in inputs.items()}
            tensors |= {f"{network}/out.{key}": value.contiguous().clone() for key, value in outputs.items()}
        pipeline.to(torch.bfloat16).save_pretrained(folder)
        listed = [run(name, case, tensors, image, mask) for case in cases]
        save_file(tensors, FOLDER / f"{name}.safetensors")
        (FOLDER / f"{name}.json").write_text(json.dumps(listed, indent=2) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:] or MODELS)
