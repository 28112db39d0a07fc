"""Writes pictures that prompts make as AUTOMATIC1111 and ComfyUI read them, for the tests of packages/backend-local.

    WEBUI=… COMFYUI=… python tools/oracle/prompt_pictures.py    (see prompt_syntaxes.py)

The states come from both programs' own code, and from A1111's which of them each step looks at. The sampling is DDIM over a fixture's UNet,
with the predictions put together as the two programs do: uncond + scale · Σ weight · (cond - uncond); ComfyUI's combined conditions
averaged. Stable Diffusion XL's encoders are weighed each by itself; A1111 has zeros for an empty negative prompt. Output: fixtures/prompts/pictures.json, `[{name, model, request}]`, and pictures.safetensors, by name, uint8 [height, width, 3].
"""

import json

import diffusers
import numpy
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from prompt_syntaxes import FIXTURES, LONG, OUT, comfy_encoder, load_comfy, load_webui, webui_engine
from safetensors.torch import save_file
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

SEED, STEPS, SCALE, SIDE = 7, 6, 7.5, 64

CASES = {
    "a1111-long": dict(promptSyntax="a1111", prompt=f"a (red:1.3) apple, {LONG * 5}", negativePrompt="(blurry:1.3), [cat]"),
    "a1111-and": dict(promptSyntax="a1111", prompt="a red apple AND a cat :0.6 AND (blurry:1.2) dog :-0.4", negativePrompt="green"),
    "a1111-and-long": dict(promptSyntax="a1111", prompt=f"{LONG * 5} AND a cat :0.6", negativePrompt=""),
    "a1111-weight": dict(promptSyntax="a1111", prompt="a red apple :1.3", negativePrompt=""),
    "a1111-editing": dict(promptSyntax="a1111", prompt="a [red:(green:1.4):0.5] apple [on blue|cat]", negativePrompt="[:blurry:3]"),
    "a1111-clip-skip": dict(promptSyntax="a1111", prompt="a (red:1.3) apple BREAK a cat", negativePrompt="blurry", clipSkip=2),
    "comfyui-long": dict(promptSyntax="comfyui", prompt=f"a (red:1.3) apple, {LONG * 5}", negativePrompt="(blurry:1.3), [cat]"),
    "comfyui-clip-skip": dict(promptSyntax="comfyui", prompt="a (red:1.3) apple", negativePrompt="((blurry))", clipSkip=2),
    "comfyui-texts": dict(
        promptSyntax="comfyui", prompt="a red apple", negativePrompt="blurry",
        conditioning=[dict(kind="text", prompt="on blue (background)", weight=1.3), dict(kind="text", prompt="a cat", start=0.5)],
    ),
    "plain-clip-skip": dict(prompt="a red apple", negativePrompt="blurry", clipSkip=2),
    "xl-a1111": dict(promptSyntax="a1111", prompt=f"a (red:1.4) apple, {LONG * 5}", negativePrompt="(blurry:1.2)"),
    "xl-a1111-editing": dict(promptSyntax="a1111", prompt="a [(red:1.3):green:0.5] apple AND a cat :0.5", negativePrompt="", clipSkip=2),
    "xl-comfyui": dict(promptSyntax="comfyui", prompt=f"a (red:1.4) apple, {LONG * 5}", negativePrompt=""),
    "xl-comfyui-clip-skip-1": dict(promptSyntax="comfyui", prompt="a (red:1.4) apple", negativePrompt="blurry", clipSkip=1),
    "xl-comfyui-clip-skip-2": dict(promptSyntax="comfyui", prompt="a (red:1.4) apple", negativePrompt="blurry", clipSkip=2),
}  # fmt: skip


class Model:
    def __init__(self, path):
        self.folder = folder = FIXTURES / path
        self.read = dict(torch_dtype=torch.float32, local_files_only=True)
        index = json.loads((folder / "model_index.json").read_text())
        self.unet = UNet2DConditionModel.from_pretrained(folder / "unet", **self.read)
        self.vae = AutoencoderKL.from_pretrained(folder / "vae", **self.read)
        self.scheduler = getattr(diffusers, index["scheduler"][1]).from_pretrained(folder / "scheduler")
        self.isXL = (folder / "text_encoder_2").exists()
        self.tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer", local_files_only=True)

    def text_encoder(self):
        return CLIPTextModel.from_pretrained(self.folder / "text_encoder", **self.read).eval()

    def text_encoder_2(self):
        return CLIPTextModelWithProjection.from_pretrained(self.folder / "text_encoder_2", **self.read).eval()

    def denoise(self, latent, t, cond):
        """A prediction with states, or of XL with states and pooled text."""
        more = {}
        if self.isXL:
            ids = torch.tensor([[SIDE, SIDE, 0, 0, SIDE, SIDE]], dtype=torch.float32)
            more = dict(added_cond_kwargs=dict(text_embeds=cond["vector"], time_ids=ids))
            cond = cond["crossattn"]
        return self.unet(latent, t, encoder_hidden_states=cond, **more).sample


def sample(model, predict):
    """The folder's own sampler, from seeded noise; `predict(step, denoise)` gives a step's prediction from `denoise(cond)`."""
    scale = 2 ** (len(model.vae.config.block_out_channels) - 1)
    latent = torch.randn((1, 4, SIDE // scale, SIDE // scale), generator=torch.Generator().manual_seed(SEED))
    model.scheduler.set_timesteps(STEPS)
    latent = latent * model.scheduler.init_noise_sigma
    for step, t in enumerate(model.scheduler.timesteps):
        scaled = model.scheduler.scale_model_input(latent, t)
        noise = predict(step, lambda cond: model.denoise(scaled, t, cond))
        latent = model.scheduler.step(noise, t, latent).prev_sample
    picture = model.vae.decode(latent / model.vae.config.scaling_factor).sample[0]
    return ((picture / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous()


def guided(uncond, conds):
    return uncond + sum(weight * SCALE * (cond - uncond) for cond, weight in conds)


def rows(cond, place):
    """One row of a batch of conditions."""
    return {name: each[place : place + 1] for name, each in cond.items()} if isinstance(cond, dict) else cond[place : place + 1]


def webui_learned(model, request, engine):
    """A1111's `get_learned_conditioning`: states, or of XL both encoders' beside each other with the second's pooled text."""
    pad = model.tokenizer.pad_token_id
    if not model.isXL:
        return webui_engine(engine, model.text_encoder(), model.tokenizer, pad, request.get("clipSkip", 1))
    options = dict(minimal_clip_skip=2, final_layer_norm=False)
    first = webui_engine(engine, model.text_encoder(), model.tokenizer, pad, 2, **options)
    second = webui_engine(engine, model.text_encoder_2(), model.tokenizer, pad, 2, return_pooled=True, **options)

    def learned(texts):
        states, pooled = second(texts)
        cond = {"crossattn": torch.cat([first(texts), states], dim=2), "vector": pooled}
        blank = getattr(texts, "is_negative_prompt", False) and all(text == "" for text in texts)
        return {name: torch.zeros_like(each) for name, each in cond.items()} if blank else cond

    return learned


def webui_picture(model, request, webui, engine):
    class Learned:
        get_learned_conditioning = staticmethod(webui_learned(model, request, engine))

    negative = webui.SdConditioning([request["negativePrompt"]], is_negative_prompt=True)
    cond = webui.get_multicond_learned_conditioning(Learned, webui.SdConditioning([request["prompt"]]), STEPS)
    uncond = webui.get_learned_conditioning(Learned, negative, STEPS)

    def predict(step, denoise):
        places, states = webui.reconstruct_multicond_batch(cond, step)
        base = denoise(webui.reconstruct_cond_batch(uncond, step))
        return guided(base, [(denoise(rows(states, place)), weight) for place, weight in places[0]])

    return sample(model, predict)


def comfy_encode(model, request, comfy):
    special = {"start": model.tokenizer.bos_token_id, "end": model.tokenizer.eos_token_id, "pad": model.tokenizer.pad_token_id}
    words = comfy.SDTokenizer(str(model.folder / "tokenizer"))
    if not model.isXL:
        clip = comfy_encoder(comfy, model.text_encoder(), special, request.get("clipSkip", 1))
        return lambda text: clip.encode_token_weights(words.tokenize_with_weights(text))[0]
    skip = request.get("clipSkip", 2)
    first, second = (comfy_encoder(comfy, each, special, skip, False) for each in (model.text_encoder(), model.text_encoder_2()))

    def encode(text):
        pairs = words.tokenize_with_weights(text)
        states, pooled = second.encode_token_weights(pairs)
        return {"crossattn": torch.cat([first.encode_token_weights(pairs)[0], states], dim=-1), "vector": pooled}

    return encode


def comfy_picture(model, request, comfy):
    encode = comfy_encode(model, request, comfy)
    negative, conds = encode(request["negativePrompt"]), [(encode(request["prompt"]), 0)]
    for entry in request.get("conditioning", []):
        weight = entry.get("weight", 1)
        more = encode(entry["prompt"] if weight == 1 else f"({entry['prompt']}:{weight})")
        if "start" in entry:
            conds.append((more, entry["start"]))
        else:
            conds = [(torch.cat([states, more], 1), start) for states, start in conds]

    def predict(step, denoise):
        active = [denoise(states) for states, start in conds if step >= start * STEPS]
        return guided(denoise(negative), [(sum(active) / len(active), 1)])

    return sample(model, predict)


def plain_picture(model, request):
    """As diffusers: layers are left off for the prompt alone."""
    encoder = model.text_encoder()
    norm = getattr(encoder, "text_model", encoder).final_layer_norm

    def encode(text, skip):
        ids = model.tokenizer(text, padding="max_length", max_length=77, truncation=True, return_tensors="pt").input_ids
        return norm(encoder(ids, output_hidden_states=True).hidden_states[-skip])

    cond, uncond = encode(request["prompt"], request["clipSkip"]), encode(request["negativePrompt"], 1)
    return sample(model, lambda _, denoise: guided(denoise(uncond), [(denoise(cond), 1)]))


@torch.no_grad()
def main():
    webui, engine = load_webui()
    comfy = load_comfy()
    models = {path: Model(path) for path in ("pipelines/sd1", "families/sdxl")}
    path_of = lambda name: "families/sdxl" if name.startswith("xl") else "pipelines/sd1"
    pictures = {}
    for name, request in CASES.items():
        syntax, model = request.get("promptSyntax", "plain"), models[path_of(name)]
        if syntax == "a1111":
            pictures[name] = webui_picture(model, request, webui, engine)
        else:
            pictures[name] = comfy_picture(model, request, comfy) if syntax == "comfyui" else plain_picture(model, request)
    common = dict(seed=SEED, steps=STEPS, guidanceScale=SCALE, width=SIDE, height=SIDE)
    cases = [dict(name=name, model=path_of(name), request={**request, **common}) for name, request in CASES.items()]
    (OUT / "pictures.json").write_text(json.dumps(cases, indent=1))
    save_file(pictures, OUT / "pictures.safetensors")
    flat = {name: picture.numpy().astype(int) for name, picture in pictures.items()}
    print(f"{len(flat)} pictures; least difference of two: {min(numpy.abs(a - b).mean() for a in flat.values() for b in flat.values() if a is not b):.1f}")


if __name__ == "__main__":
    main()
