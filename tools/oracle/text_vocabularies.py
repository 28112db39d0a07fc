"""Writes the vocabularies of T5 and of Qwen that backend-local ships, for files that bring none, and what transformers makes of texts with them.

    pip download --no-deps --no-binary :all: stable-diffusion-cpp-python && tar xzf stable_diffusion_cpp_python-*.tar.gz
    python tools/oracle/text_vocabularies.py stable_diffusion_cpp_python-*/

The package holds stable-diffusion.cpp's source, which has them as arrays of bytes: T5 v1.1's tokenizer.json (Google, Apache-2.0) and Qwen 2's
merges (Alibaba Cloud, Apache-2.0). assets/t5-pieces.br: every piece, and its score as float32, little-endian, byte by byte in four columns.
assets/qwen-merges.br: each merge's two ids, below 2²⁴, in six columns of bytes. Both brotli. All else of the tokenizers is in
prompts/shipped-text-tokenizer.ts. fixtures/tokenizer/shipped-texts.json: `[{text, t5, qwen}]`, the ids.
"""

import base64
import json
import re
import struct
import sys
from pathlib import Path

import brotli
from text_tokenizer import CASES
from tokenizer import byte_characters
from transformers import Qwen2Tokenizer, T5TokenizerFast

PACKAGE = Path(__file__).parents[2] / "packages/backend-local"
TEXTS = [*CASES, "</s> x", "½ ﬃ Ⅷ ①", "a photo of an astronaut riding a horse on mars, 4k, masterpiece", "<think>\n\n</think>\n\n", "Äpfel & Birnen – „schön“", "x\n\n\ny"]


def array(source, name):
    found = re.search(name + r"\[\]\s*=\s*\{([^}]*)\}", source)
    return bytes(int(each, 0) for each in found.group(1).split(",") if each.strip())


def columns(rows, size):
    """Rows of `size` bytes each, column by column."""
    return b"".join(bytes(row[i] for row in rows) for i in range(size))


def main(package):
    folder = next(Path(package).rglob("tokenizers/vocab"))
    t5 = array((folder / "clip_t5.hpp").read_text(), "t5_tokenizer_json_str").decode()
    published = json.loads(t5)
    vocab = [(piece, score) for piece, score in published["model"]["vocab"] if not piece.startswith("<extra_id_")]
    pieces = "\n".join(piece for piece, _ in vocab).encode()
    scores = columns([struct.pack("<f", score) for _, score in vocab], 4)
    packed = brotli.compress(struct.pack("<I", len(pieces)) + pieces + scores, quality=11, lgwin=24)
    (PACKAGE / "assets/t5-pieces.br").write_bytes(packed)
    print("t5", len(vocab), len(packed))

    text = array((folder / "qwen.hpp").read_text(), "qwen2_merges_utf8_c_str").decode()
    merges = [tuple(line.split(" ")) for line in text.split("\n") if line]
    tokens = [*byte_characters(), *("".join(pair) for pair in merges)]
    ids = {token: i for i, token in enumerate(tokens)}
    rows = [b"".join(ids[each].to_bytes(3, "little") for each in pair) for pair in merges]
    packed = brotli.compress(columns(rows, 6), quality=11, lgwin=24)
    (PACKAGE / "assets/qwen-merges.br").write_bytes(packed)
    print("qwen", len(merges), len(packed))

    # As transformers makes it of the published file.
    charsmap = base64.b64decode(published["normalizer"]["normalizers"][0]["precompiled_charsmap"])
    t5 = T5TokenizerFast(vocab=[tuple(each) for each in published["model"]["vocab"]], _spm_precompiled_charsmap=charsmap)
    qwen = Qwen2Tokenizer(vocab=ids, merges=merges)
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>", "<|box_end|>",
        "<|quad_start|>", "<|quad_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>"]  # fmt: skip
    qwen.add_tokens(special, special_tokens=True)
    qwen.add_tokens(["<tool_call>", "</tool_call>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>",
        "<tool_response>", "</tool_response>", "<think>", "</think>"])  # fmt: skip
    cases = [dict(text=text, t5=t5(text).input_ids, qwen=qwen(text).input_ids) for text in TEXTS]
    (PACKAGE / "fixtures/tokenizer/shipped-texts.json").write_text(json.dumps(cases, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
