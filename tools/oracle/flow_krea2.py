"""A tiny random Krea 2, its networks' values and its cases, for flow_families.py.

diffusers has no pipelines for pictures of Krea 2's: what starts from one is put together here of the pipeline's own `latents`, `sigmas` and
`callback_on_step_end`, as its other flow models' pipelines do it.
"""

import numpy as np
import torch
from diffusers import AutoencoderKLQwenImage, FlowMatchEulerDiscreteScheduler, Krea2Pipeline, Krea2Transformer2DModel
from diffusers.image_processor import VaeImageProcessor
from diffusers.pipelines.krea2.pipeline_krea2 import calculate_shift
from diffusers.utils.torch_utils import randn_tensor
from flow_parts import noise, qwen3_vl, qwen3_vl_values, randomise
from text_tokenizer import write_text_tokenizer

SCHEDULE = dict(use_dynamic_shifting=True, base_shift=0.5, max_shift=1.15, base_image_seq_len=256, max_image_seq_len=6400)
LAYERS = tuple(range(2, 36, 3))


class Krea2Img2ImgPipeline(Krea2Pipeline):
    def __call__(self, image, strength, num_inference_steps, generator, width, height, num_images_per_prompt, mask_image=None, **call):
        generators = generator if isinstance(generator, list) else [generator]
        scheduler, vae = self.scheduler, self.vae
        pixels = VaeImageProcessor(vae_scale_factor=16).preprocess(image, height, width)
        drawn = vae.encode(pixels[:, :, None]).latent_dist.sample(generators[0])[:, :, 0]
        mean, std = (torch.tensor(vae.config[name]).view(1, -1, 1, 1) for name in ("latents_mean", "latents_std"))
        picture = ((drawn - mean) / std).repeat(len(generators), 1, 1, 1)
        fresh = randn_tensor(picture.shape, generator=generators)
        picture, fresh = (self._pack_latents(each, *picture.shape) for each in (picture, fresh))

        steps = num_inference_steps
        start = int(max(steps - min(steps * strength, steps), 0))
        sigmas = np.linspace(1.0, 1 / steps, steps)[start:]
        shift = calculate_shift(
            picture.shape[1], *(scheduler.config[name] for name in ("base_image_seq_len", "max_image_seq_len", "base_shift", "max_shift"))
        )
        scheduler.set_timesteps(sigmas=sigmas, mu=1.15 if self.config.is_distilled else shift)
        levels = scheduler.sigmas
        noised = lambda i: levels[i] * fresh + (1 - levels[i]) * picture

        def blend(pipe, i, _t, values):
            kept = noised(i + 1) if i + 1 < len(sigmas) else picture
            return dict(latents=(1 - mask) * kept + mask * values["latents"])

        more = {}
        if mask_image is not None:
            small = VaeImageProcessor(do_normalize=False, do_binarize=True, do_convert_grayscale=True).preprocess(mask_image, height, width)
            small = torch.nn.functional.interpolate(small, size=(height // 8, width // 8)).repeat(1, 16, 1, 1)
            mask = self._pack_latents(small, *small.shape)
            more = dict(callback_on_step_end=blend, callback_on_step_end_tensor_inputs=["latents"])
        return super().__call__(
            latents=noised(0), sigmas=sigmas, num_inference_steps=len(sigmas), width=width, height=height,
            num_images_per_prompt=num_images_per_prompt, generator=generator, **more, **call,
        )  # fmt: skip


class Krea2InpaintPipeline(Krea2Img2ImgPipeline):
    pass


def krea2(folder):
    tokenizer = write_text_tokenizer(folder / "tokenizer")
    transformer = Krea2Transformer2DModel(
        num_layers=2, attention_head_dim=16, num_attention_heads=4, num_key_value_heads=2, intermediate_size=48, timestep_embed_dim=32,
        text_hidden_dim=8, num_text_layers=len(LAYERS), text_num_attention_heads=2, text_num_key_value_heads=1, text_intermediate_size=16,
        axes_dims_rope=(4, 6, 6), num_layerwise_text_blocks=1, num_refiner_text_blocks=2,
    )  # fmt: skip
    randomise(transformer, 2)
    for key, weight in transformer.named_parameters():
        # Norms hold what is added to 1; random weights heed the text little.
        if "norm" in key:
            weight.data = (weight - 1).bfloat16().float()
        if key == "txt_in.linear_2.weight" or (key.startswith("transformer_blocks.") and "to_v" in key):
            weight.data = (weight * 3).bfloat16().float()
    vae = randomise(AutoencoderKLQwenImage(base_dim=8, dim_mult=[1, 1, 2, 2], num_res_blocks=1), 3)
    return Krea2Pipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(**SCHEDULE), vae=vae, text_encoder=qwen3_vl(tokenizer), tokenizer=tokenizer,
        transformer=transformer, is_distilled=True,
    )  # fmt: skip


def networks(pipeline):
    transformer = pipeline.transformer
    yield qwen3_vl_values(pipeline.text_encoder, LAYERS)
    image, text = noise((1, 15, 64), 4), noise((1, 7, len(LAYERS), 8), 5)
    ids = pipeline.prepare_position_ids(7, 3, 5, "cpu")
    velocity = transformer(image, text, torch.tensor([0.35]), ids, return_dict=False)[0]
    cos, sin = (each[:, ::2] for each in transformer.rotary_emb(ids))
    angles = dict(text_cos=cos[:7], text_sin=sin[:7], image_cos=cos[7:], image_sin=sin[7:])
    inputs = dict(image=image, text=text.flatten(2), **angles, timestep=torch.tensor([350.0]))
    yield "transformer", inputs, dict(velocity=velocity)


OWN = {kind.__name__: kind for kind in (Krea2Img2ImgPipeline, Krea2InpaintPipeline)}
T2I, I2I, INPAINT = "Krea2Pipeline", "Krea2Img2ImgPipeline", "Krea2InpaintPipeline"
BASE = dict(is_distilled=False)
NEGATIVE = dict(guidance_scale=3.0, negative_prompt="blurry photo of a cat")

KREA2 = (krea2, networks, [
    ("turbo", T2I, dict(guidance_scale=0.0, count=2), {}),
    ("turbo-guided", T2I, dict(guidance_scale=1.5), {}),
    ("base", T2I, dict(guidance_scale=3.0, steps=5), dict(index=BASE)),
    ("base-negative", T2I, dict(**NEGATIVE, seed=8), dict(index=BASE)),
    ("wide", T2I, dict(guidance_scale=0.0, width=96, height=48), dict(index=BASE)),
    ("long", T2I, dict(guidance_scale=0.0, prompt="a green dog, " * 150), {}),
    ("image-to-image", I2I, dict(**NEGATIVE, strength=0.6, count=2, steps=5), dict(index=BASE)),
    # The last of all comes after the encoder's last norm.
    ("other-layers", T2I, dict(guidance_scale=0.0), dict(index=dict(text_encoder_select_layers=list(range(25, 37))))),
    ("inpaint", INPAINT, dict(guidance_scale=0.0, strength=1.0, count=2), {}),
    ("inpaint-partly", INPAINT, dict(guidance_scale=0.0, strength=0.7), {}),
])  # fmt: skip
