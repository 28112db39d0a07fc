"""Writes a trained CLIP vocabulary, and the ids that transformers gives for odd strings.

packages/backend-local/fixtures/tokenizer/ holds vocab.json, merges.txt, the tokenizer.json that transformers saves from
them, and cases.json: `[{text, ids}]`, ids as the text encoder gets them (begin, text cut at 77, end, padding). folders.json has what
the same vocabulary gives beside other settings files: `{texts, folders: [{name, layouts, files, ids}]}`, layouts being "vocab.json",
"tokenizer.json" or both, each row of ids ending before its last id repeats, and `error` where transformers refuses.

    python tools/oracle/tokenizer_cases.py
"""

import json
import random
import shutil
import tempfile
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


MAP, CONFIG, ADDED = "special_tokens_map.json", "tokenizer_config.json", "added_tokens.json"
BEGIN, END = "<|startoftext|>", "<|endoftext|>"


def token(content, **flags):
    """A token as special_tokens_map.json and added_tokens_decoder write it."""
    return {"content": content, "lstrip": False, "normalized": True, "rstrip": False, "single_word": False, **flags}


def typed(content, **flags):
    """A token as tokenizer_config.json writes it."""
    return {"__type": "AddedToken", **token(content, **flags)}


def special(pad=END, make=lambda content: content):
    return {"bos_token": make(BEGIN), "eos_token": make(END), "unk_token": make(END), "pad_token": pad}


def decoder(vocabulary, *more):
    """added_tokens_decoder: begin and end, and `more` after the vocabulary."""
    named = {str(vocabulary[name]): token(name, normalized=False, special=True) for name in (BEGIN, END)}
    return {**named, **{str(len(vocabulary) + i): each for i, each in enumerate(more)}}


FOLDERS = [
    ("no settings", {}),
    ("as SD 1.5 was published", {MAP: special(make=token), CONFIG: {**special(make=typed), "do_lower_case": True}}),
    ("as SD 2 was published", {MAP: special("!", token), CONFIG: special(make=typed)}),
    ("as SDXL's second was published", {MAP: special("!"), CONFIG: {**special("!"), "added_tokens_decoder": lambda v: {"0": token("!", normalized=False, special=True), **decoder(v)}}}),
    ("the map alone", {MAP: special("!")}),
    ("the config alone", {CONFIG: special("!")}),
    ("a decoder hides the map", {MAP: special("!"), CONFIG: {**special(), "added_tokens_decoder": decoder}}),
    ("a decoder hides added_tokens.json", {ADDED: {"<hidden>": 1400}, CONFIG: {"added_tokens_decoder": decoder}}),
    ("tokens added by file", {ADDED: lambda v: {"<cat-toy>": len(v), "lstr": 3, "<Two  Words>": 5000}, MAP: special()}),
    ("special tokens in added_tokens.json", {ADDED: lambda v: {"<pad>": len(v), "<NEW>": len(v) + 1}, MAP: {**special("<pad>"), "additional_special_tokens": ["<NEW>"]}}),
    ("tokens added by decoder", {CONFIG: {"added_tokens_decoder": lambda v: decoder(v, token("<cat-toy>"), token("<dog>", special=True, normalized=False), token("<Up>"))}}),
    ("stripping and whole words", {CONFIG: {"added_tokens_decoder": lambda v: decoder(v, token("<l>", lstrip=True), token("<r>", rstrip=True), token("cat", single_word=True), token("<b>", lstrip=True, rstrip=True, normalized=False))}}),
    ("an unnamed pad token", {MAP: special("<pad>")}),
    ("other names for begin and end", {MAP: {"bos_token": "the</w>", "eos_token": token(END), "pad_token": "red</w>"}}),
    ("a pad token within words", {MAP: special("a")}),
    ("special tokens are split", {CONFIG: {**special("!"), "split_special_tokens": True}}),
    ("padding on the left", {CONFIG: {**special("!"), "padding_side": "left", "truncation_side": "left"}}),
    ("a short limit", {CONFIG: {"model_max_length": 9, "added_tokens_decoder": lambda v: decoder(v, token("<cat-toy>"))}}),
    ("upper-case is kept nowhere", {CONFIG: {**special(), "do_lower_case": False}}),
    ("no padding token", {MAP: {**special(), "pad_token": None}}),
]  # fmt: skip

PIECES = [
    BEGIN, END, "<|ENDOFTEXT|>", "<|StartOfText|>", "!", "!!", "red!", "a", " ", "  ", "\ufeff", "<cat-toy>", "<CAT-TOY>", "<two words>", "<Two  Words>",
    "<pad>", "<PAD>", "<NEW>", "<new>", "<dog>", "<DOG>", "<up>", "<l>", "<r>", " <l> ", " <r> ", "cat", "cats", "Cat", " cat ", "<b>", "the", "red", ",",
    "lstr", "<hidden>", "\n", "Σ", "ΟΔΟΣ", "İ", "'s", "1", "\u0085", "é", "<|", "|>", "\u2003", "🍎",
]  # fmt: skip


def folder_texts(rng):
    """The pieces alone, and rows of them."""
    rows = ["".join(rng.choice(PIECES) for _ in range(rng.randint(2, 8))) for _ in range(50)]
    return [*PIECES, "a <cat-toy> on a blue background", "a red apple! on blue", "\ufeffa red apple", *rows]


def folder_rows(folder, texts):
    """Ids of the texts, or why transformers gives none."""
    tokenizer = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
    length = min(77, tokenizer.model_max_length)
    try:
        rows = tokenizer(texts, padding="max_length", max_length=length, truncation=True).input_ids
    except ValueError as error:
        return {"error": str(error).split(".")[0]}
    return {"length": length, "ids": [shortened(row) for row in rows]}


def shortened(row):
    """A row of ids up to where its last id begins to repeat."""
    end = len(row)
    while end > 1 and row[end - 2] == row[-1]:
        end -= 1
    return row[:end]


def folder_cases(vocabulary, texts):
    """What transformers makes of each of FOLDERS, with vocab.json and merges.txt and with tokenizer.json."""
    for name, files in FOLDERS:
        written = json.loads(json.dumps(files, default=lambda make: make(vocabulary)))
        found = {}
        for layout, own in (("vocab.json", ["vocab.json", "merges.txt"]), ("tokenizer.json", ["tokenizer.json"])):
            with tempfile.TemporaryDirectory() as folder:
                for file in own:
                    shutil.copy(FOLDER / file, folder)
                for file, content in written.items():
                    (Path(folder) / file).write_text(json.dumps(content))
                found[layout] = folder_rows(folder, texts)
        if found["vocab.json"] == found["tokenizer.json"]:
            yield {"name": name, "layouts": [*found], "files": written, **found["vocab.json"]}
        else:
            for layout, rows in found.items():
                yield {"name": name, "layouts": [layout], "files": written, **rows}


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    # The trainer breaks ties by chance: a vocabulary that stands is kept.
    kept = FOLDER / "merges.txt"
    merges = [tuple(line.split(" ")) for line in kept.read_text().splitlines()[1:]] if kept.exists() else train()
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
    more = folder_texts(random.Random(9))
    folders = [*folder_cases({p: i for i, p in enumerate(pieces)}, more)]
    (FOLDER / "folders.json").write_text(json.dumps({"texts": more, "folders": folders}, separators=(",", ":")))
    print(f"{len(pieces)} pieces, {len(merges)} merges, {len(cases)} cases, {len(folders)} folders")


if __name__ == "__main__":
    main()
