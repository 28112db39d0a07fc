"""Writes the vocabulary of CLIP that backend-local ships, and what transformers makes of texts with it.

    pip install --no-deps clip-anytorch
    python tools/oracle/clip_vocabulary.py

The merges are those of OpenAI's CLIP (MIT licence, Copyright (c) 2021 OpenAI), as the package clip-anytorch has them:
clip/bpe_simple_vocab_16e6.txt.gz. All else of the vocabulary follows from their order. assets/clip-merges.z: each merge's two ids, below
65536, in four columns of bytes (low and high of the left, low and high of the right), zlib. fixtures/tokenizer/shipped.json:
`{texts, <kind>: ids}`, a row of ids ending before its last id repeats, with the settings files of the published Stable Diffusion 1.5
("clip-l") and 2.1 ("openclip").
"""

import gzip
import importlib.util
import json
import random
import tempfile
import zlib
from pathlib import Path

from tokenizer import byte_characters
from tokenizer_cases import CONFIG, FOLDER, MAP, WRITTEN, folder_rows, folder_texts, random_strings, special, token, typed

ASSET = FOLDER.parents[1] / "assets/clip-merges.z"
SPECIAL = ["<|startoftext|>", "<|endoftext|>"]
LENGTH = 49408


def read_merges():
    package = Path(importlib.util.find_spec("clip").origin).parent
    lines = gzip.open(package / "bpe_simple_vocab_16e6.txt.gz", "rt", encoding="utf8").read().split("\n")
    return [tuple(line.split()) for line in lines[1 : LENGTH - 512 - len(SPECIAL) + 1]]


def vocabulary(merges):
    characters = byte_characters()
    pieces = [*characters, *(c + "</w>" for c in characters), *("".join(pair) for pair in merges), *SPECIAL]
    return {piece: i for i, piece in enumerate(pieces)}


def packed(merges, ids):
    left, right = ([ids[pair[side]] for pair in merges] for side in (0, 1))
    columns = [bytes(i & 255 for i in left), bytes(i >> 8 for i in left), bytes(i & 255 for i in right), bytes(i >> 8 for i in right)]
    return zlib.compress(b"".join(columns), 9)


def rows(merges, ids, texts, pad_in_map, pad_in_config):
    with tempfile.TemporaryDirectory() as folder:
        files = {
            "vocab.json": ids,
            MAP: special(pad_in_map, token),
            CONFIG: {**special(pad_in_config, typed), "model_max_length": 77},
        }
        for name, content in files.items():
            (Path(folder) / name).write_text(json.dumps(content))
        (Path(folder) / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges))
        return folder_rows(folder, texts)["ids"]


def main():
    merges = read_merges()
    ids = vocabulary(merges)
    assert len(ids) == LENGTH, len(ids)
    ASSET.parent.mkdir(exist_ok=True)
    ASSET.write_bytes(packed(merges, ids))
    texts = [*WRITTEN, *random_strings(40), *folder_texts(random.Random(3))]
    found = {
        "texts": texts,
        "clip-l": rows(merges, ids, texts, SPECIAL[1], SPECIAL[1]),
        "openclip": rows(merges, ids, texts, "!", SPECIAL[1]),
    }
    (FOLDER / "shipped.json").write_text(json.dumps(found, separators=(",", ":")))
    print(f"{ASSET.stat().st_size} bytes, {len(texts)} texts")


if __name__ == "__main__":
    main()
