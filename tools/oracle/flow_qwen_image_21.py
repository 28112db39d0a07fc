"""A tiny random Qwen-Image 2.1, its networks' values and its cases, for flow_families.py. transformers' processors need torchvision."""

import tempfile
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKLQwenImage21, FlowMatchEulerDiscreteScheduler, QwenImage21Pipeline, QwenImage21Transformer2DModel
from diffusers.models.transformers.transformer_qwenimage21 import QwenImage21KVCache
from diffusers.pipelines.qwenimage21.pipeline_qwenimage21 import calculate_shift
from flow_parts import noise, qwen3_vl, randomise
from text_tokenizer import PICTURES, write_text_tokenizer
from transformers import Qwen2VLImageProcessor, Qwen3VLForConditionalGeneration, Qwen3VLProcessor, Qwen3VLVideoProcessor
from transformers.vision_utils import get_vision_interpolation_indices_and_weights, get_vision_position_ids

#: What Qwen3-VL's template writes for messages of texts alone.
TEMPLATE = (
    "{%- for message in messages %}{{- '<|im_start|>' + message.role + '\\n' }}{%- for part in message.content %}{{- part.text }}{%- endfor %}"
    "{{- '<|im_end|>\\n' }}{%- endfor %}"
)
CHANNELS = 16
#: A token of 32 pixels, as published.
VISION = dict(
    depth=2, hidden_size=16, num_heads=2, intermediate_size=24, out_hidden_size=8, deepstack_visual_indexes=[0], num_position_embeddings=49, patch_size=16,
)  # fmt: skip


def qwen_image_21(folder):
    # The processor saves it with its own settings.
    with tempfile.TemporaryDirectory() as room:
        tokenizer = write_text_tokenizer(Path(room), PICTURES)
    marks = dict(zip(("vision_start_token_id", "vision_end_token_id", "image_token_id", "video_token_id"), tokenizer.convert_tokens_to_ids(PICTURES)))
    encoder = qwen3_vl(tokenizer, Qwen3VLForConditionalGeneration, layers=3, vision=VISION, marks=marks)
    transformer = QwenImage21Transformer2DModel(
        in_channels=CHANNELS, out_channels=CHANNELS, num_layers=3, attention_head_dim=16, num_attention_heads=2, context_in_dim=8, axes_dims_rope=(4, 6, 6),
    )  # fmt: skip
    randomise(transformer, 2)
    for key, weight in transformer.named_parameters():
        # Its norm's weight is what is added to 1; random weights heed the text little.
        if key.endswith("text_norm.weight"):
            weight.data = (weight - 1).bfloat16().float()
        if key.endswith("txt_in.out_layer.weight"):
            weight.data = (weight * 4).bfloat16().float()
    vae = AutoencoderKLQwenImage21(
        base_dim=8, decoder_base_dim=12, z_dim=CHANNELS, dim_mult=[1, 1, 2, 2, 2], num_res_blocks=1,
        latents_mean=[round(0.1 * i - 0.8, 2) for i in range(CHANNELS)], latents_std=[round(0.7 + 0.05 * i, 2) for i in range(CHANNELS)],
    )  # fmt: skip
    randomise(vae, 3)
    vae.decoder.conv_out.weight.data = (vae.decoder.conv_out.weight * 0.3).bfloat16().float()
    scheduler = FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True, base_shift=0.5, max_shift=0.9, max_image_seq_len=8192, shift_terminal=0.02)
    half = [0.5, 0.5, 0.5]
    pixels = Qwen2VLImageProcessor(patch_size=16, image_mean=half, image_std=half, size=dict(shortest_edge=65536, longest_edge=16777216))
    processor = Qwen3VLProcessor(pixels, tokenizer, Qwen3VLVideoProcessor(), chat_template=TEMPLATE)
    return QwenImage21Pipeline(scheduler=scheduler, vae=vae, text_encoder=encoder, processor=processor, transformer=transformer)


def networks(pipeline):
    transformer, vae = pipeline.transformer, pipeline.vae
    image, text = noise((1, 24, CHANNELS), 4), noise((1, 7, 8), 5)
    cache = QwenImage21KVCache(3)
    marks = (torch.arange(7 + 6) >= 7)[None]
    shapes = [[(1, 4, 6)]]
    velocity = transformer(image, text, torch.tensor([0.35]), shapes, marks, kv_cache=cache, kv_cache_mode="extract", return_dict=False)[0][:, 7:]
    angles = transformer.pos_embed(shapes[0], torch.arange(7 + 24) >= 7, device=image.device)
    states = {}
    for i, layer in enumerate(cache.layer_caches):
        states |= {f"key_{i}": layer.k.flatten(2), f"value_{i}": layer.v.flatten(2)}
    yield "textTransformer", dict(text=text, cos=angles[:7].real, sin=angles[:7].imag), states
    places = dict(cos=angles[7:].real, sin=angles[7:].imag)
    yield "transformer", dict(image=image, timestep=torch.tensor([350.0]), **places, **{key: value.clone() for key, value in states.items()}), dict(velocity=velocity)
    yield from with_pictures(pipeline)
    latent, sample = noise((1, CHANNELS, 6, 4), 6), noise((1, 4, 64, 32), 7).clamp(-1, 1)
    # Without what decode does after the network: values beyond ±1 are cut.
    vae.clear_cache()
    decoded = vae.decoder(vae.post_quant_conv(latent[:, :, None]), feat_cache=vae._feat_map, feat_idx=[0], first_chunk=True)[:, :, 0]
    yield "vaeDecoder", dict(latent_sample=latent), dict(sample=decoded)
    yield "vaeEncoder", dict(sample=sample), dict(moments=vae.encode(sample[:, :, None]).latent_dist.parameters[:, :, 0])


def with_pictures(pipeline):
    """What sees a picture of 6 by 4 patches; and two pictures among words, of 4 by 2 and 2 by 6 squares, behind which stands what is drawn."""
    visual = pipeline.text_encoder.model.visual
    grid = torch.tensor([[1, 6, 4]])
    patches = noise((24, 1536), 4)
    cos, sin = visual.rotary_pos_emb(patches, get_vision_position_ids(grid, 2))
    corners, nearness = get_vision_interpolation_indices_and_weights(grid, 7, align_corners=True, spatial_merge_size=2)
    seen = visual(patches, grid_thw=grid)
    inputs = dict(patches=patches[None], cos=cos[:, :4], sin=sin[:, :4], corners=corners.int()[None], nearness=nearness[None, :, :, None])
    deep = {f"picture_{i + 1}": each[None] for i, each in enumerate(seen.deepstack_features)}
    yield "vision", inputs, dict(picture=seen.pooler_output[None], **deep)

    transformer = pipeline.transformer
    text, reference, image = noise((1, 3 + 2 + 2 + 3 + 4, 8), 8), noise((1, 8 + 12, CHANNELS), 9), noise((1, 24, CHANNELS), 10)
    marks = torch.tensor([0, 0, 0, 1, 1, 0, 0, 1, 1, 1, 0, 0, 0, 0] + [1] * 6).bool()[None]
    shapes = [[(1, 4, 2), (1, 2, 6), (1, 4, 6)]]
    cache = QwenImage21KVCache(3)
    transformer(torch.cat([reference, image], 1), text, torch.tensor([0.35]), shapes, marks, kv_cache=cache, kv_cache_mode="extract")
    angles = transformer.pos_embed(shapes[0], marks[0].repeat_interleave(torch.where(marks[0], 4, 1)), device=image.device)[:29]
    states = {}
    for i, layer in enumerate(cache.layer_caches):
        states |= {f"key_{i}": layer.k.flatten(2), f"value_{i}": layer.v.flatten(2)}
    order = torch.tensor([[0, 1, 2, *range(9, 17), 3, 4, *range(17, 29), 5, 6, 7, 8]], dtype=torch.int32)
    words = text[:, ~marks[0, :14]]
    places = dict(cos=angles.real, sin=angles.imag, order=order, begins=torch.tensor([0, 3, 11, 13, 25, 29]))
    yield "pictureTransformer", dict(text=words, reference=reference, **places), states


class QwenImage21Img2ImgPipeline(QwenImage21Pipeline):
    """Begins with a picture, noised, as diffusers' QwenImageImg2ImgPipeline does: 2.1's has no such form."""

    @torch.no_grad()
    def __call__(self, image, strength, width, height, generator, num_inference_steps, mask_image=None, **call):
        generators = generator if isinstance(generator, list) else [generator]
        mean, std = (torch.tensor(self.vae.config[key]).view(1, -1, 1, 1, 1) for key in ("latents_mean", "latents_std"))
        pixels = self.image_processor.preprocess(image.convert("RGBA"), height, width).unsqueeze(2)
        clean = ((self.vae.encode(pixels).latent_dist.sample(generators[0]) - mean) / std).flatten(3)[:, :, 0].transpose(1, 2)
        noises = [torch.randn((1, CHANNELS, clean.shape[1]), generator=each).transpose(1, 2) for each in generators]
        every = torch.cat(noises)
        # `steps · strength` is not cut to a whole number.
        first = int(max(num_inference_steps - min(num_inference_steps * strength, num_inference_steps), 0))
        sigmas = np.linspace(1.0, 1 / num_inference_steps, num_inference_steps)[first:]
        config = self.scheduler.config
        mu = calculate_shift(clean.shape[1], config.base_image_seq_len, config.max_image_seq_len, config.base_shift, config.max_shift)
        self.scheduler.set_timesteps(sigmas=sigmas, mu=mu)
        noised = lambda sigma: sigma * every + (1 - sigma) * clean  # noqa: E731
        mask = None if mask_image is None else torch.from_numpy((np.asarray(mask_image.convert("L"))[::16, ::16] >= 128).astype(np.float32)).reshape(1, -1, 1)

        def blend(_pipeline, step, _time, given):
            kept = noised(self.scheduler.sigmas[step + 1]) if step + 1 < len(sigmas) else clean
            return dict(latents=mask * given["latents"] + (1 - mask) * kept)

        if mask is not None:
            call |= dict(callback_on_step_end=blend)
        return super().__call__(
            **call, latents=noised(self.scheduler.sigmas[0]), sigmas=list(sigmas), width=width, height=height, generator=generator,
        )  # fmt: skip


class QwenImage21InpaintPipeline(QwenImage21Img2ImgPipeline):
    """The same, what is kept being blended in after each step."""


OWN = {kind.__name__: kind for kind in (QwenImage21Img2ImgPipeline, QwenImage21InpaintPipeline)}
T2I, I2I, INPAINT = "QwenImage21Pipeline", "QwenImage21Img2ImgPipeline", "QwenImage21InpaintPipeline"
QWEN_IMAGE_21 = (qwen_image_21, networks, [
    ("plain", T2I, dict(count=2), {}),
    ("guided", T2I, dict(true_cfg_scale=3.0, negative_prompt="blurry photo of a cat"), {}),
    ("empty-negative", T2I, dict(true_cfg_scale=5.0, negative_prompt=""), {}),
    ("wide", T2I, dict(width=128, height=64), {}),
    ("long", T2I, dict(prompt="a green dog, " * 60), {}),
    ("reference", T2I, dict(count=2), dict(references=["image"])),
    ("references", T2I, dict(true_cfg_scale=3.0, negative_prompt="blurry photo of a cat", width=96), dict(references=["wide", "image"])),
    ("glass", T2I, {}, dict(references=["glass"])),
    ("image-to-image", I2I, dict(strength=0.6, count=2, steps=5), {}),
    ("inpaint", INPAINT, dict(strength=1.0, true_cfg_scale=3.0, negative_prompt="blurry photo of a cat"), {}),
    ("inpaint-partly", INPAINT, dict(strength=0.7, count=2), {}),
    ("own-levels", T2I, dict(seed=9), dict(index=dict(sample_sigmas=[1.0, 0.9, 0.6, 0.2]))),
])  # fmt: skip
