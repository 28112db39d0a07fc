"""Random parts of tiny flow models: VAEs, text encoders, and what the latter compute."""

import torch
from diffusers import AutoencoderKL
from networks import noise as noise
from tokenizer import write_tokenizer
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTokenizer,
    Qwen3Config,
    Qwen3Model,
    Qwen3VLConfig,
    Qwen3VLModel,
    T5Config,
    T5EncoderModel,
)


def randomise(model, seed):
    """Random weights at a scale that keeps activations near 1, as they are when they were saved in bfloat16."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        value = torch.randn(parameter.shape, generator=generator)
        if parameter.dim() == 1:
            value = 1 + 0.1 * value if "norm" in name and name.endswith("weight") else 0.1 * value
        elif parameter.shape[0] == 1024:
            # A size that the class fixes: two values only, which pack well.
            value = value.sign() / parameter.shape[1] ** 0.5
        elif "embed_tokens" not in name and "pad_token" not in name:
            value = value / parameter[0].numel() ** 0.5
        parameter.data = value.bfloat16().float()
    return model.eval()


def flux_vae(**options):
    vae = AutoencoderKL(
        block_out_channels=(8, 8, 8, 16), down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1, norm_num_groups=4, sample_size=64,
        **{"latent_channels": 16, "scaling_factor": 0.3611, "shift_factor": 0.1159, "use_quant_conv": False, "use_post_quant_conv": False, **options},
    )  # fmt: skip
    randomise(vae, 3)
    vae.decoder.conv_out.weight.data = (vae.decoder.conv_out.weight * 0.5).bfloat16().float()
    return vae


def xl_vae():
    """As Stable Diffusion XL's, which PixArt-Σ and AuraFlow have too."""
    return flux_vae(latent_channels=4, scaling_factor=0.13025, shift_factor=None, use_quant_conv=True, use_post_quant_conv=True)


def qwen3(tokenizer, kind=Qwen3Model, **options):
    sizes = dict(
        hidden_size=24, intermediate_size=40, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2, head_dim=8, rope_theta=1e6,
    )  # fmt: skip
    return randomise(kind(Qwen3Config(vocab_size=len(tokenizer) + 3, **{**sizes, **options})), 1)


#: What sees pictures, where none are shown.
BLIND = dict(
    depth=1, hidden_size=8, num_heads=1, intermediate_size=8, out_hidden_size=8, deepstack_visual_indexes=[0], num_position_embeddings=4, patch_size=2,
)  # fmt: skip
MARKS = dict(image_token_id=3, video_token_id=4, vision_start_token_id=5, vision_end_token_id=6)


def qwen3_vl(tokenizer, kind=Qwen3VLModel, layers=36, vision=BLIND, marks=MARKS):
    """As deep as the published 4B: pipelines take the states of certain layers."""
    config = Qwen3VLConfig(
        text_config=dict(
            vocab_size=len(tokenizer) + 3, hidden_size=8, intermediate_size=16, num_hidden_layers=layers, num_attention_heads=2,
            num_key_value_heads=1, head_dim=8, rms_norm_eps=1e-6,
            rope_parameters=dict(rope_type="default", rope_theta=5e6, mrope_interleaved=True, mrope_section=[2, 1, 1]),
        ),
        vision_config=vision, **marks,
    )  # fmt: skip
    return randomise(kind(config), 1)


def clip(folder, kind=CLIPTextModel, **options):
    """A CLIP text encoder and its tokenizer, which is written into `folder`."""
    vocabulary = write_tokenizer(folder)
    end = vocabulary["<|endoftext|>"]
    sizes = dict(hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2, max_position_embeddings=77, projection_dim=12)
    config = CLIPTextConfig(vocab_size=len(vocabulary), bos_token_id=end - 1, pad_token_id=end, eos_token_id=end, **{**sizes, **options})
    return randomise(kind(config), 5), CLIPTokenizer.from_pretrained(folder)


def t5(tokenizer):
    config = T5Config(
        vocab_size=len(tokenizer) + 3, d_model=24, d_kv=8, d_ff=40, num_layers=2, num_heads=3, feed_forward_proj="gated-gelu", is_encoder_decoder=False,
    )  # fmt: skip
    return randomise(T5EncoderModel(config), 6)


def t5_values(encoder, network):
    """A long text, so that all distances occur, with padding that is hidden."""
    ids = torch.arange(200, dtype=torch.int32)[None] % 57
    mask = (torch.arange(200) < 190).long()[None]
    attention = encoder.encoder.block[0].layer[0].SelfAttention
    places = torch.arange(200)
    distances = attention._relative_position_bucket(places[None] - places[:, None]).int()
    states = encoder(ids, attention_mask=mask)[0]
    return network, dict(input_ids=ids, attended=mask.bool()[None, None], distances=distances), dict(hidden_states=states)


def qwen3_vl_values(encoder, states):
    """The same of Qwen3-VL's text model, whose places are of three axes."""
    ids = torch.tensor([[5, 17, 80, 8, 63, 5, 200, 0, 0]], dtype=torch.int32)
    mask = torch.tensor([[1, 1, 1, 1, 1, 1, 1, 0, 0]])
    places = torch.arange(9)[None, None].expand(3, 1, -1)
    found = encoder(input_ids=ids, attention_mask=mask, position_ids=places, output_hidden_states=True).hidden_states
    cos, sin = getattr(encoder, "model", encoder).language_model.rotary_emb(found[0], places)
    half = cos.shape[-1] // 2
    inputs = dict(input_ids=ids, attended=mask.bool()[None, None], cos=cos[0, :, :half], sin=sin[0, :, :half])
    return "textEncoder", inputs, dict(hidden_states=torch.cat([found[k] for k in states], -1))


def encoder_values(encoder, states):
    """A text with padding, as a pipeline gives it."""
    ids = torch.tensor([[5, 17, 80, 8, 63, 5, 200, 0, 0]], dtype=torch.int32)
    mask = torch.tensor([[1, 1, 1, 1, 1, 1, 1, 0, 0]])
    found = encoder(input_ids=ids, attention_mask=mask, output_hidden_states=True).hidden_states
    base = getattr(encoder, "model", encoder)
    cos, sin = base.rotary_emb(found[0], torch.arange(9)[None])
    half = cos.shape[-1] // 2
    inputs = dict(input_ids=ids, attended=mask.bool()[None, None], cos=cos[0, :, :half], sin=sin[0, :, :half])
    return "textEncoder", inputs, dict(hidden_states=torch.cat([found[k] for k in states], -1))
