"""A tiny random FLUX.2 klein, its networks' values and its cases, for flow_families.py.

diffusers has no image-to-image of it: that is put together here of the pipeline's own `latents` and `sigmas`, as its other flow models' pipelines do it.
"""

from types import SimpleNamespace

import numpy as np
import torch
from diffusers import AutoencoderKLFlux2, FlowMatchEulerDiscreteScheduler, Flux2KleinKVPipeline, Flux2KleinPipeline, Flux2Transformer2DModel
from diffusers.pipelines.flux2.pipeline_flux2_klein import compute_empirical_mu
from diffusers.utils.torch_utils import randn_tensor
from flow_parts import encoder_values, noise, qwen3, randomise
from text_tokenizer import write_text_tokenizer
from transformers import Qwen3ForCausalLM


class Flux2KleinImg2ImgPipeline(Flux2KleinPipeline):
    def __call__(self, image, strength, num_inference_steps, generator, width, height, num_images_per_prompt, **call):
        generators = generator if isinstance(generator, list) else [generator]
        picture = self._encode_vae_image(self.image_processor.preprocess(image, height, width), generators[0])
        picture = picture.repeat(len(generators), 1, 1, 1)
        fresh = randn_tensor(picture.shape, generator=generators)
        steps = num_inference_steps
        sigmas = np.linspace(1.0, 1 / steps, steps)[int(max(steps - min(steps * strength, steps), 0)) :]
        self.scheduler.set_timesteps(sigmas=sigmas, mu=compute_empirical_mu(picture.shape[2] * picture.shape[3], steps))
        first = self.scheduler.sigmas[0]
        return super().__call__(
            latents=first * fresh + (1 - first) * picture, sigmas=sigmas, num_inference_steps=steps, width=width, height=height,
            num_images_per_prompt=num_images_per_prompt, generator=generator, **call,
        )  # fmt: skip


def flux2(folder):
    tokenizer = write_text_tokenizer(folder / "tokenizer")
    encoder = qwen3(
        tokenizer, Qwen3ForCausalLM, hidden_size=16, intermediate_size=24, num_hidden_layers=28, num_attention_heads=2,
        num_key_value_heads=1, tie_word_embeddings=True,
    )  # fmt: skip
    transformer = Flux2Transformer2DModel(
        in_channels=32, num_layers=1, num_single_layers=2, attention_head_dim=16, num_attention_heads=2, joint_attention_dim=48,
        axes_dims_rope=(4, 4, 4, 4), guidance_embeds=False,
    )  # fmt: skip
    randomise(transformer, 2)
    for key, weight in transformer.named_parameters():
        # Random weights heed reference pictures little. A single block's third part makes its values.
        if key.endswith(("to_v.weight", "add_v_proj.weight")):
            weight.data = (weight * 4).bfloat16().float()
        if key.endswith("to_qkv_mlp_proj.weight"):
            weight.data[64:96] = (weight[64:96] * 4).bfloat16().float()
    # A decoder narrower than the encoder, as the published small ones.
    vae = AutoencoderKLFlux2(
        block_out_channels=(8, 8, 8, 16), decoder_block_out_channels=(4, 8, 8, 8), layers_per_block=1, norm_num_groups=4, latent_channels=8,
    )  # fmt: skip
    randomise(vae, 3)
    vae.decoder.conv_out.weight.data = (vae.decoder.conv_out.weight * 0.5).bfloat16().float()
    vae.bn.running_mean = (0.3 * noise((32,), 6)).bfloat16().float()
    vae.bn.running_var = (0.5 + noise((32,), 7).abs()).bfloat16().float()
    return Flux2KleinPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=True), vae=vae, text_encoder=encoder,
        tokenizer=tokenizer, transformer=transformer, is_distilled=True,
    )  # fmt: skip


def networks(pipeline):
    transformer = pipeline.transformer
    yield encoder_values(pipeline.text_encoder, (9, 18, 27))
    image, text = noise((1, 10, 32), 4), noise((1, 5, 48), 5)
    image_ids = torch.cartesian_prod(torch.tensor([0, 10]), torch.arange(1), torch.arange(5), torch.arange(1))
    text_ids = torch.cartesian_prod(torch.arange(1), torch.arange(1), torch.arange(1), torch.arange(5))
    velocity = transformer(image, text, torch.tensor([0.35]), image_ids, text_ids, return_dict=False)[0]
    angles = {}
    for name, ids in (("image", image_ids), ("text", text_ids)):
        # Each angle stands twice, for both numbers of its pair.
        cos, sin = transformer.pos_embed(ids)
        angles |= {f"{name}_cos": cos[:, ::2], f"{name}_sin": sin[:, ::2]}
    yield "transformer", dict(image=image, text=text, **angles, timestep=torch.tensor([350.0])), dict(velocity=velocity)
    Flux2KleinKVPipeline._set_kv_attn_processors(SimpleNamespace(transformer=transformer))
    reference, seen = image[:, 5:], image[:, :5]
    ids = torch.cat([image_ids[5:], image_ids[:5]])
    velocity, cache = transformer(
        torch.cat([reference, seen], 1), text, torch.tensor([0.35]), ids, text_ids, return_dict=False, kv_cache_mode="extract", num_ref_tokens=5
    )  # fmt: skip
    kept = {}
    for i, block in enumerate([*cache.double_block_caches, *cache.single_block_caches]):
        kept |= {f"key_{i}": block.k_ref.flatten(2), f"value_{i}": block.v_ref.flatten(2)}
    halves = {of: {key: value[at] for key, value in angles.items() if key.startswith("image")} for of, at in (("image", slice(5)), ("reference", slice(5, 10)))}
    of_reference = {key.replace("image", "reference"): value for key, value in halves["reference"].items()}
    yield "references", dict(reference=reference, **of_reference), kept
    inputs = dict(image=seen, text=text, **{**angles, **halves["image"]}, timestep=torch.tensor([350.0]), **kept)
    yield "cachedTransformer", inputs, dict(velocity=velocity)


FIXED = ("FlowMatchEulerDiscreteScheduler", dict(shift=3.0))
BASE = dict(is_distilled=False)
KLEIN, KV, INPAINT, I2I = "Flux2KleinPipeline", "Flux2KleinKVPipeline", "Flux2KleinInpaintPipeline", "Flux2KleinImg2ImgPipeline"
OWN = {I2I: Flux2KleinImg2ImgPipeline}
OF_KV = dict(_class_name=KV)

FLUX2 = (flux2, networks, [
    ("distilled", KLEIN, dict(count=2), {}),
    ("more-steps", KLEIN, dict(steps=7), {}),
    ("wide", KLEIN, dict(width=96, height=48), {}),
    ("long", KLEIN, dict(prompt="a green dog, " * 60), {}),
    ("base", KLEIN, dict(guidance_scale=3.0, steps=5), dict(index=BASE)),
    ("base-unguided", KLEIN, dict(guidance_scale=1.0, steps=5, seed=8), dict(index=BASE)),
    ("fixed-shift", KLEIN, {}, dict(scheduler=FIXED)),
    ("reference", KLEIN, {}, dict(references=["image"])),
    ("references", KLEIN, dict(width=None, height=None, count=2), dict(references=["image96", "image"])),
    ("base-reference", KLEIN, dict(guidance_scale=2.0, steps=5), dict(index=BASE, references=["image"])),
    ("kv", KV, dict(seed=9), dict(index=OF_KV)),
    ("kv-reference", KV, dict(seed=9), dict(index=OF_KV, references=["image96"])),
    ("kv-references", KV, dict(width=None, height=None, count=2), dict(index=OF_KV, references=["image96", "image"])),
    ("not-kv-reference", KLEIN, dict(seed=9), dict(references=["image96"])),
    ("image-to-image", I2I, dict(strength=0.6, count=2, steps=5), {}),
    ("base-image-to-image", I2I, dict(guidance_scale=2.0, strength=0.5, steps=5), dict(index=BASE)),
    ("inpaint", INPAINT, dict(strength=1.0, count=2), {}),
    ("inpaint-partly", INPAINT, dict(strength=0.7, steps=5), {}),
    ("inpaint-reference", INPAINT, dict(strength=0.8, seed=8), dict(references=["image96"])),
    ("base-inpaint", INPAINT, dict(guidance_scale=2.0, strength=0.7, steps=5, seed=8), dict(index=BASE)),
])  # fmt: skip
