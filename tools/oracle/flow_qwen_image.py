"""A tiny random Qwen-Image, its networks' values and its cases, for flow_families.py."""

import torch
from diffusers import (
    AutoencoderKLQwenImage,
    FlowMatchEulerDiscreteScheduler,
    QwenImageEditPlusPipeline,
    QwenImagePipeline,
    QwenImageTransformer2DModel,
)
from flow_parts import noise, randomise
from text_tokenizer import PICTURES, write_text_tokenizer
from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration, Qwen2VLImageProcessor, Qwen2VLProcessor, Qwen2VLVideoProcessor
from transformers.vision_utils import get_vision_position_ids, get_vision_window_index

SCHEDULE = dict(
    use_dynamic_shifting=True, base_shift=0.5, max_shift=0.9, base_image_seq_len=256, max_image_seq_len=8192, shift=1.0, shift_terminal=0.02,
)  # fmt: skip


def parts(tokenizer, vision, **options):
    """Qwen2.5-VL, the transformer and the VAE."""
    ids = dict(zip(("vision_start_token_id", "vision_end_token_id", "image_token_id", "video_token_id"), tokenizer.convert_tokens_to_ids(PICTURES)))
    if None in ids.values() or len(set(ids.values())) < 4:
        ids = dict(image_token_id=3, video_token_id=4, vision_start_token_id=5, vision_end_token_id=6)
    config = Qwen2_5_VLConfig(
        text_config=dict(
            vocab_size=len(tokenizer) + 3, hidden_size=24, intermediate_size=40, num_hidden_layers=3, num_attention_heads=3, num_key_value_heads=1,
            rms_norm_eps=1e-6, rope_parameters=dict(rope_type="default", rope_theta=1e6, mrope_section=[1, 1, 2]),
        ),
        vision_config=dict(out_hidden_size=24, **vision), **ids,
    )  # fmt: skip
    encoder = randomise(Qwen2_5_VLForConditionalGeneration(config), 1)
    transformer = QwenImageTransformer2DModel(
        num_layers=2, attention_head_dim=16, num_attention_heads=2, joint_attention_dim=24, axes_dims_rope=(4, 6, 6), **options,
    )  # fmt: skip
    randomise(transformer, 2)
    for key, weight in transformer.named_parameters():
        # Random weights heed the text little.
        if key.endswith("attn.add_v_proj.weight"):
            weight.data = (weight * 4).bfloat16().float()
    vae = randomise(AutoencoderKLQwenImage(base_dim=8, dim_mult=[1, 1, 2, 2], num_res_blocks=1), 3)
    vae.decoder.conv_out.weight.data = (vae.decoder.conv_out.weight * 0.5).bfloat16().float()
    return dict(scheduler=FlowMatchEulerDiscreteScheduler(**SCHEDULE), vae=vae, text_encoder=encoder, tokenizer=tokenizer, transformer=transformer)


def qwen_image(folder):
    blind = dict(depth=1, hidden_size=8, num_heads=1, intermediate_size=8, fullatt_block_indexes=[0])
    return QwenImagePipeline(**parts(write_text_tokenizer(folder / "tokenizer"), blind))


def qwen_image_edit(folder):
    """An editor; as published, with the settings of its processor. Its kinds differ in what model_index.json and the transformer's config say."""
    tokenizer = write_text_tokenizer(folder / "tokenizer", PICTURES)
    seeing = dict(depth=2, hidden_size=16, num_heads=2, intermediate_size=24, fullatt_block_indexes=[1])
    made = parts(tokenizer, seeing)
    sizes = dict(min_pixels=3136, max_pixels=12845056)
    processor = Qwen2VLProcessor(Qwen2VLImageProcessor(**sizes), tokenizer, Qwen2VLVideoProcessor(**sizes), chat_template=tokenizer.chat_template)
    return QwenImageEditPlusPipeline(**made, processor=processor)


def with_places(pipeline):
    """An editor whose text encoder is told which tokens are a picture's. diffusers 0.42 does not say, and transformers 5 then counts them as words;
    with transformers 4, which the models were published for, as in their authors' code, a picture's places are rows and columns."""
    encoder, mark = pipeline.text_encoder, pipeline.text_encoder.config.image_token_id
    forward = encoder.forward
    encoder.forward = lambda input_ids=None, **given: forward(input_ids, mm_token_type_ids=(input_ids == mark).int(), **given)
    return pipeline


def edit_networks(pipeline):
    """What sees a picture of 12 by 10 patches, in windows of 8 by 8; the text model over it; the transformer with a reference at time 0."""
    visual = pipeline.text_encoder.model.visual
    grid = torch.tensor([[1, 12, 10]])
    patches = noise((120, 1176), 4)
    cos, sin = visual.rotary_pos_emb(patches, get_vision_position_ids(grid, 2))
    index, ends = get_vision_window_index(grid, spatial_merge_size=2, window_size=112, patch_size=14)
    order = (index[:, None] * 4 + torch.arange(4)).flatten()
    windows = [order[a:b] for a, b in zip(ends[:-1].tolist(), ends[1:].tolist())]
    places, mask = torch.zeros(len(windows), 64, dtype=torch.int32), torch.zeros(len(windows), 1, 64, 64, dtype=torch.bool)
    back = torch.zeros(1, 120, dtype=torch.int32)
    for i, window in enumerate(windows):
        places[i, : len(window)] = window.int()
        mask[i, :, :, : len(window)] = True
        back[0, window] = 64 * i + torch.arange(len(window), dtype=torch.int32)
    picture = visual(patches, grid_thw=grid).pooler_output[None]
    inputs = dict(patches=patches[None], cos=cos[:, :4], sin=sin[:, :4], window_places=places, window_mask=mask, window_back=back)
    yield "vision", inputs, dict(picture=picture)


def networks(pipeline):
    transformer, vae = pipeline.transformer, pipeline.vae
    image, text = noise((1, 15, 64), 4), noise((1, 7, 24), 5)
    velocity = transformer(image, text, None, torch.tensor([0.35]), [[(1, 3, 5)]], return_dict=False)[0]
    angles = {}
    for name, freqs in zip(("image", "text"), transformer.pos_embed([[(1, 3, 5)]], max_txt_seq_len=7, device=image.device)):
        angles |= {f"{name}_cos": freqs.real, f"{name}_sin": freqs.imag}
    yield "transformer", dict(image=image, text=text, **angles, timestep=torch.tensor([350.0])), dict(velocity=velocity)
    latent, sample = noise((1, 16, 6, 4), 6), noise((1, 3, 48, 32), 7).clamp(-1, 1)
    # Without what decode does after the network: values beyond ±1 are cut.
    vae.clear_cache()
    mixed = vae.post_quant_conv(latent[:, :, None])
    decoded = vae.decoder(mixed, feat_cache=vae._feat_map, feat_idx=[0])[:, :, 0]
    yield "vaeDecoder", dict(latent_sample=latent), dict(sample=decoded)
    yield "vaeEncoder", dict(sample=sample), dict(moments=vae.encode(sample[:, :, None]).latent_dist.parameters[:, :, 0])


EDIT, PLUS = "QwenImageEditPipeline", "QwenImageEditPlusPipeline"
T2I, I2I, INPAINT = "QwenImagePipeline", "QwenImageImg2ImgPipeline", "QwenImageInpaintPipeline"
NEGATIVE = dict(true_cfg_scale=4.0, negative_prompt="blurry photo of a cat")

QWEN_IMAGE = (qwen_image, networks, [
    ("guided", T2I, dict(**NEGATIVE, count=2), {}),
    ("empty-negative", T2I, dict(true_cfg_scale=12.0, negative_prompt=""), {}),
    ("unguided", T2I, dict(true_cfg_scale=1.0), {}),
    ("wide", T2I, dict(true_cfg_scale=1.0, width=96, height=48), {}),
    ("long", T2I, dict(true_cfg_scale=1.0, prompt="a green dog, " * 150), {}),
    ("image-to-image", I2I, dict(**NEGATIVE, strength=0.6, count=2, steps=5), {}),
    ("inpaint", INPAINT, dict(true_cfg_scale=1.0, strength=1.0, count=2), {}),
    ("inpaint-partly", INPAINT, dict(**NEGATIVE, strength=0.7), {}),
])  # fmt: skip

KIND = {EDIT: dict(_class_name=EDIT)}
QWEN_IMAGE_EDIT = (qwen_image_edit, edit_networks, [
    ("edit", EDIT, dict(**NEGATIVE), dict(index=KIND[EDIT], single=True, references=["image"])),
    ("edit-wide", EDIT, dict(true_cfg_scale=1.0, width=96, height=48), dict(index=KIND[EDIT], single=True, references=["wide"])),
    ("plus", PLUS, dict(**NEGATIVE, count=2), dict(references=["image"])),
    ("plus-two", PLUS, dict(true_cfg_scale=1.0, steps=2), dict(references=["wide", "image"])),
    ("plus-time-zero", PLUS, dict(true_cfg_scale=1.0), dict(references=["image"], transformer=dict(zero_cond_t=True))),
])  # fmt: skip
