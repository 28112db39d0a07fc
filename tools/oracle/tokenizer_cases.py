"""Writes a trained CLIP vocabulary, and the ids that transformers gives for odd strings.

packages/backend-local/fixtures/tokenizer/ holds vocab.json, merges.txt, the tokenizer.json that transformers saves from
them, and cases.json: `[{text, ids}]`, ids as the text encoder gets them (begin, text cut at 77, end, padding).

    python tools/oracle/tokenizer_cases.py
"""

import json
import random
from pathlib import Path

from tokenizer import byte_characters
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import CLIPTokenizer

FOLDER = Path(__file__).parents[2] / "packages/backend-local/fixtures/tokenizer"

CORPUS = """
a photograph of an astronaut riding a horse, highly detailed, trending on artstation, 8k
portrait of a young woman with long red hair, studio lighting, 85mm lens, f/1.8, bokeh
it's a dog's life, we're there and they've said i'm sure you'd know he'll don't
a red apple on a blue background, in the style of an old master's oil painting (masterpiece:1.2), [ugly], {best}
une pomme rouge à côté d'une théière, café crème, naïve peinture, ein großer bär über den häusern, señor niño
красное яблоко на синем фоне, собака бежит по снегу, リンゴ 赤い 背景 青い, 红苹果 蓝色背景, 빨간 사과
cats and dogs and birds in the garden, watercolour, soft light, volumetric fog, cinematic, unreal engine
"""

WRITTEN = [
    "", " ", "\n\t ", "a", "A", "a red apple", "A RED Apple", "  many   spaces\t\tand\ntabs  ",
    "it's", "IT'S", "It’s", "they've they'll I'm he'd don't you're o'clock 's 'S ''s", "rock'n'roll",
    "123", "1234567", "3d", "8k", "85mm f/1.8", "1,000.50", "½ ² ³ Ⅷ ٣ ४",
    "(masterpiece:1.2), [ugly], {best}", "((()))", "a,b;c:d!e?f...", "—–-_", "#hashtag @name $5 100% a&b a+b=c",
    "<|startoftext|>", "<|endoftext|>", "a <|endoftext|> b", "<|STARTOFTEXT|>", "<|endoftext|", "<b>bold</b>", "</w>", "a</w>b",
    "café", "cafe\u0301", "CAFÉ", "naïve Ångström", "Å \u212b", "ß ẞ", "İstanbul ISTANBUL ıI", "ΑΒΓ αβγς Σ ΌΣΟΣ",
    "ﬁ ﬂ ﬃ", "ｆｕｌｌｗｉｄｔｈ", "ǅ ǆ", "красное Яблоко", "リンゴ 赤い", "ﾘﾝｺﾞ", "红苹果", "빨간 사과", "각 \u1100\u1161\u11a8",
    "שלום עולם", "مرحبا بالعالم", "नमस्ते दुनिया", "สวัสดี", "🍎", "a🍎b", "🍎🍏🍐", "👩‍🚀", "👍🏽", "🇫🇷🇩🇪", "☂️", "1️⃣", "🏴󠁧󠁢󠁥󠁮󠁧󠁿",
    "\u00a0non\u00a0breaking", "zero\u200bwidth", "\ufeffbom", "line\u2028separator", "soft\u00adhyphen", "\u202eright to left",
    "\u0000nul", "bell\u0007", "a\u0085b", "a\u3000b", "a\u1680b", "a\u180eb", "\u001ca\u001db",
    "𝒜𝓅𝓅𝓁𝑒", "𐐀𐐨", "e\u0301\u0302\u0303", "\u0301", "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L", "ffi\u200dffi", "a\u0300\u0316", "q\u0323\u0307",
    "the quick brown fox " * 12, "word " * 74, "word " * 75, "word " * 76, "🍎 " * 40, "x" * 300, "(" * 100, "1" * 90,
    "don''t", "'", "''", "'t", "' t", "a't", "'LL 'VE 'Re", "`~!@#$%^&*()_+-=[]\\{}|;':\",./<>?",
    "http://example.com/a?b=c&d=e#f", "user@example.com", "C:\\path\\file.txt", "$\\alpha^2$", "x²+y²=z²",
    "ALLCAPS lower MiXeD", "snake_case kebab-case camelCase", "a1b2c3", "v1.5", "sd-v1-5", "R2D2", "50%", "№5", "©®™", "€£¥",
    "\ud7ff\ue000\ufffd", "ʻokina ʼapostrophe ‘single’ “double” ‹› «»", "…", "‽", "¡Hola! ¿Qué?", "日本語テキスト、句読点。", "a\r\nb",
]  # fmt: skip


def random_strings(count):
    """Strings of characters of every kind, seeded."""
    rng = random.Random(2026)
    pools = [
        "abcdefghij ABC ", "   \t\n", "0123456789", ".,:;!?'\"()[]{}<>|/\\-_", "éèêëàâçñüößÅø", "абвгдеж", "αβγδς", "日本語红苹果", "빨간사과",
        "🍎👩🚀🏽\u200d\ufe0f", "\u0301\u0302\u0307\u0323", "'s't're've'm'll'd", "ﬁⅧ½²ªº", "שלוםمرحبا", "\u00a0\u2003\u3000\u200b",
    ]  # fmt: skip
    return ["".join(rng.choice(rng.choice(pools)) for _ in range(rng.randint(3, 40))) for _ in range(count)]


def train():
    """A vocabulary in CLIP's own order: bytes, bytes that end a word, merges, special tokens."""
    plain = CLIPTokenizer()
    tokenizer = Tokenizer(models.BPE(end_of_word_suffix="</w>", continuing_subword_prefix=""))
    tokenizer.normalizer = plain.backend_tokenizer.normalizer
    tokenizer.pre_tokenizer = plain.backend_tokenizer.pre_tokenizer
    trainer = trainers.BpeTrainer(
        vocab_size=1400, end_of_word_suffix="</w>", initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(CORPUS.strip().split("\n") * 3, trainer)
    return [tuple(pair) for pair in json.loads(tokenizer.to_str())["model"]["merges"]]


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    merges = train()
    characters = byte_characters()
    pieces = [*characters, *(c + "</w>" for c in characters), *("".join(pair) for pair in merges)]
    pieces = [*dict.fromkeys(pieces), "<|startoftext|>", "<|endoftext|>"]
    (FOLDER / "vocab.json").write_text(json.dumps({p: i for i, p in enumerate(pieces)}, ensure_ascii=False))
    (FOLDER / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges))

    tokenizer = CLIPTokenizer(vocab=str(FOLDER / "vocab.json"), merges=str(FOLDER / "merges.txt"), model_max_length=77)
    tokenizer.backend_tokenizer.save(str(FOLDER / "tokenizer.json"), pretty=False)
    texts = [*WRITTEN, *random_strings(80)]
    ids = tokenizer(texts, padding="max_length", max_length=77, truncation=True).input_ids
    cases = [{"text": text, "ids": row} for text, row in zip(texts, ids)]
    (FOLDER / "cases.json").write_text(json.dumps(cases))
    print(f"{len(pieces)} pieces, {len(merges)} merges, {len(cases)} cases")


if __name__ == "__main__":
    main()
