"""A tiny random AuraFlow, its networks' values and its cases, for flow_families.py."""

import json

import torch
from diffusers import AuraFlowPipeline, AuraFlowTransformer2DModel, FlowMatchEulerDiscreteScheduler
from flow_parts import noise, randomise, xl_vae
from tokenizer import WORDS
from transformers import AutoTokenizer, UMT5Config, UMT5EncoderModel


def write_llama_tokenizer(folder):
    """As published ones of Llama 2's kind are: bytes for what it has no characters for, blanks as ▁, one before each text, and an end after it."""
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{i:02X}>" for i in range(256)), "▁", *map(chr, range(33, 127))]
    merges = []
    for word in ["photo", "blurry", *WORDS]:
        for pieces in ([*word], ["▁", *word]):
            while len(pieces) > 1:
                if (pieces[0], pieces[1]) not in merges:
                    merges.append((pieces[0], pieces[1]))
                pieces = [pieces[0] + pieces[1], *pieces[2:]]
    vocabulary = {piece: i for i, piece in enumerate(dict.fromkeys([*tokens, *("".join(pair) for pair in merges)]))}
    special = [dict(id=i, content=content, single_word=False, lstrip=False, rstrip=False, normalized=False, special=True) for i, content in enumerate(tokens[:3])]
    blanks = [dict(type="Prepend", prepend="▁"), dict(type="Replace", pattern=dict(String=" "), content="▁")]
    back = [dict(type="Replace", pattern=dict(String="▁"), content=" "), dict(type="ByteFallback"), dict(type="Fuse"), dict(type="Strip", content=" ", start=1, stop=0)]
    end = dict(id="</s>", ids=[2], tokens=["</s>"])
    file = dict(
        version="1.0", truncation=None, padding=None, added_tokens=special, normalizer=dict(type="Sequence", normalizers=blanks), pre_tokenizer=None,
        post_processor=dict(
            type="TemplateProcessing", single=[dict(Sequence=dict(id="A", type_id=0)), dict(SpecialToken=dict(id="</s>", type_id=0))],
            pair=[dict(Sequence=dict(id="A", type_id=0)), dict(Sequence=dict(id="B", type_id=1))], special_tokens={"</s>": end},
        ),
        decoder=dict(type="Sequence", decoders=back),
        model=dict(type="BPE", dropout=None, unk_token="<unk>", fuse_unk=True, byte_fallback=True, vocab=vocabulary, merges=[" ".join(pair) for pair in merges]),
    )  # fmt: skip
    settings = dict(
        tokenizer_class="LlamaTokenizer", add_bos_token=False, add_eos_token=True, bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="<s>",
        legacy=True, model_max_length=512,
    )  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.json").write_text(json.dumps(file, ensure_ascii=False, indent=1))
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2))
    return AutoTokenizer.from_pretrained(folder)


def auraflow(folder):
    tokenizer = write_llama_tokenizer(folder / "tokenizer")
    written = [(folder / "tokenizer" / name).read_text() for name in ("tokenizer.json", "tokenizer_config.json")]
    assert tokenizer("a red apple").input_ids[-1] == tokenizer.eos_token_id and tokenizer("a").input_ids[0] != tokenizer.bos_token_id
    config = UMT5Config(vocab_size=len(tokenizer) + 3, d_model=24, d_kv=8, d_ff=40, num_layers=2, num_heads=3, is_encoder_decoder=False)
    transformer = randomise(AuraFlowTransformer2DModel(
        num_mmdit_layers=1, num_single_dit_layers=2, attention_head_dim=12, num_attention_heads=2, joint_attention_dim=24, caption_projection_dim=24,
        pos_embed_max_size=36,
    ), 2)  # fmt: skip
    for key, weight in transformer.named_parameters():
        if key in ("pos_embed.pos_embed", "register_tokens"):
            weight.data = (weight * 20).bfloat16().float()
        # A width that the class fixes: two values only, which pack well.
        if ".linear_" in key and ".ff" in key:
            weight.data = (weight.sign() / weight.shape[1] ** 0.5).bfloat16().float()
        # Random weights heed the text little.
        if "add_v_proj" in key or "context_embedder" in key:
            weight.data = (weight * 4).bfloat16().float()
    pipeline = AuraFlowPipeline(
        tokenizer=tokenizer, text_encoder=randomise(UMT5EncoderModel(config), 1), vae=xl_vae(), transformer=transformer,
        scheduler=FlowMatchEulerDiscreteScheduler(shift=1.73),
    )  # fmt: skip
    save = pipeline.save_pretrained

    def save_pretrained(target):
        save(target)
        # transformers of today writes it otherwise than it was published.
        for name, text in zip(("tokenizer.json", "tokenizer_config.json"), written):
            (folder / "tokenizer" / name).write_text(text)

    pipeline.save_pretrained = save_pretrained
    return pipeline


def networks(pipeline):
    encoder, transformer = pipeline.text_encoder, pipeline.transformer
    ids = torch.arange(40, dtype=torch.int32)[None] % 57
    mask = (torch.arange(40) < 33).long()[None]
    places = torch.arange(40)
    distances = encoder.encoder.block[0].layer[0].SelfAttention._relative_position_bucket(places[None] - places[:, None]).int()
    states = encoder(ids, attention_mask=mask)[0]
    yield "textEncoder", dict(input_ids=ids, attended=mask.bool()[None, None], distances=distances), dict(hidden_states=states)
    sample, text = noise((1, 4, 6, 12), 4), noise((1, 7, 24), 5)
    made = transformer(sample, text, torch.tensor([0.35]), return_dict=False)[0]
    tokens = sample.reshape(1, 4, 3, 2, 6, 2).permute(0, 2, 4, 1, 3, 5).reshape(1, 18, 16)
    out = made.reshape(1, 4, 3, 2, 6, 2).permute(0, 2, 4, 3, 5, 1).reshape(1, 18, 16)
    chosen = transformer.pos_embed.pe_selection_index_based_on_dim(6, 12).int()
    yield "transformer", dict(image=tokens, places=chosen, text=text, timestep=torch.tensor([350.0])), dict(velocity=out)


T2I = "AuraFlowPipeline"

AURAFLOW = (auraflow, networks, [
    ("guided", T2I, dict(guidance_scale=3.5, count=2), {}),
    ("negative", T2I, dict(guidance_scale=3.0, negative_prompt="blurry photo of a cat"), {}),
    ("unguided", T2I, dict(guidance_scale=1.0, seed=8), {}),
    ("wide", T2I, dict(guidance_scale=1.0, width=96, height=48), {}),
    ("long", T2I, dict(guidance_scale=1.0, prompt="a green dog, " * 150), {}),
    ("special", T2I, dict(guidance_scale=1.0, prompt="  Ünï 3,14\n\n 猫 it's"), {}),
    ("larger", T2I, dict(guidance_scale=1.0, width=96, height=96, seed=9), {}),
])  # fmt: skip
