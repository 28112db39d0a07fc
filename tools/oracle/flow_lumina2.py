"""A tiny random Lumina Image 2.0, its networks' values and its cases, for flow_families.py."""

import torch
from diffusers import FlowMatchEulerDiscreteScheduler, Lumina2Pipeline, Lumina2Transformer2DModel
from flow_parts import encoder_values, flux_vae, noise, randomise
from tokenizer import WORDS
from tokenizers.processors import TemplateProcessing
from transformers import AutoTokenizer, Gemma2Config, Gemma2Model, GemmaTokenizer


def write_gemma_tokenizer(folder):
    """As Gemma's are: bytes for what it has no characters for, merges that spell a few words, blanks as ▁, a token that begins a text."""
    tokens = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", *(f"<0x{i:02X}>" for i in range(256)), "▁", *map(chr, range(33, 127))]
    merges = []
    for word in ["assistant", "images", "prompts", *WORDS]:
        for pieces in ([*word], ["▁", *word], [*word, "▁"]):
            while len(pieces) > 1:
                if (pieces[0], pieces[1]) not in merges:
                    merges.append((pieces[0], pieces[1]))
                pieces = [pieces[0] + pieces[1], *pieces[2:]]
    vocabulary = {piece: i for i, piece in enumerate(dict.fromkeys([*tokens, *("".join(pair) for pair in merges)]))}
    tokenizer = GemmaTokenizer(vocab=vocabulary, merges=merges)
    tokenizer._tokenizer.post_processor = TemplateProcessing(single="<bos> $A", special_tokens=[("<bos>", vocabulary["<bos>"])])
    tokenizer.save_pretrained(folder)
    return AutoTokenizer.from_pretrained(folder)


def gemma2(tokenizer):
    config = Gemma2Config(
        vocab_size=len(tokenizer) + 3, hidden_size=24, intermediate_size=40, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2,
        head_dim=8, query_pre_attn_scalar=10, attn_logit_softcapping=2.0,
    )  # fmt: skip
    encoder = randomise(Gemma2Model(config), 1)
    for key, weight in encoder.named_parameters():
        # Norms hold what is added to 1.
        if "norm" in key:
            weight.data = (weight - 1).bfloat16().float()
    return encoder


def lumina2(folder):
    tokenizer = write_gemma_tokenizer(folder / "tokenizer")
    assert tokenizer("a red apple").input_ids[0] == tokenizer.bos_token_id
    encoder = gemma2(tokenizer)
    transformer = randomise(Lumina2Transformer2DModel(
        hidden_size=48, num_layers=2, num_refiner_layers=1, num_attention_heads=4, num_kv_heads=2, multiple_of=32, axes_dim_rope=(4, 4, 4), cap_feat_dim=24,
    ), 2)  # fmt: skip
    for key, weight in transformer.named_parameters():
        # Random weights heed the text little.
        if "attn.to_v" in key:
            weight.data = (weight * 3).bfloat16().float()
    return Lumina2Pipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(shift=6.0), vae=flux_vae(), text_encoder=encoder, tokenizer=tokenizer, transformer=transformer,
    )  # fmt: skip


def networks(pipeline):
    yield encoder_values(pipeline.text_encoder, (-2,))
    transformer = pipeline.transformer
    sample, text = noise((1, 16, 6, 10), 4), noise((1, 7, 24), 5)
    mask = torch.ones(1, 7, dtype=torch.long)
    velocity = transformer(sample, torch.tensor([0.65]), text, mask, return_dict=False)[0]
    tokens, text_angles, image_angles, *_ = transformer.rope_embedder(sample, mask)
    made = transformer.rope_embedder(velocity, mask)[0]
    angles = dict(
        text_cos=text_angles[0].real.float(), text_sin=text_angles[0].imag.float(), image_cos=image_angles[0].real.float(),
        image_sin=image_angles[0].imag.float(),
    )  # fmt: skip
    yield "transformer", dict(image=tokens, text=text, **angles, timestep=torch.tensor([0.65])), dict(velocity=made)


T2I = "Lumina2Pipeline"

LUMINA2 = (lumina2, networks, [
    ("guided", T2I, dict(guidance_scale=4.0, count=2), {}),
    ("negative", T2I, dict(guidance_scale=3.0, negative_prompt="blurry photo of a cat"), {}),
    ("unguided", T2I, dict(guidance_scale=1.0, seed=8), {}),
    ("wide", T2I, dict(guidance_scale=1.0, width=96, height=48), {}),
    ("long", T2I, dict(guidance_scale=1.0, prompt="a green dog, " * 150), {}),
    ("special", T2I, dict(guidance_scale=1.0, prompt="Ünï 3,14\n\n 猫 it's"), {}),
])  # fmt: skip
