"""Writes a small tokenizer as T5's are: SentencePiece's unigrams over its own normalisation (nmt_nfkc), in a tokenizer.json.

`python tools/oracle/t5_tokenizer.py` writes fixtures/tokenizer/t5.json: what the tokenizer of the folder families/flux1 makes of some texts.
"""

import io
import json
import tempfile
from pathlib import Path

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from text_tokenizer import CASES
from transformers import AutoTokenizer, T5TokenizerFast

TEXTS = [
    "a red apple on a blue background", "blurry photo of a green dog and a red cat", "it's a café, naïve and fine: 3,14 or 2026-11-27!", "(word) [brackets] under the sea",
]  # fmt: skip


def write_t5_tokenizer(folder, normalises=False):
    """
    Writes tokenizer.json and its settings into `folder`; gives the tokenizer as diffusers loads it. Without the 300 kB that say how texts
    are normalised, unless `normalises`.
    """
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXTS * 20), model_writer=model, model_type="unigram", vocab_size=90, pad_id=0, eos_id=1, unk_id=2, bos_id=-1,
        character_coverage=1.0, hard_vocab_limit=False, normalization_rule_name="nmt_nfkc", minloglevel=2, num_threads=1,
    )  # fmt: skip
    proto = sentencepiece_model_pb2.ModelProto.FromString(model.getvalue())
    vocab = [(piece.piece, piece.score) for piece in proto.pieces]
    charsmap = proto.normalizer_spec.precompiled_charsmap if normalises else None
    tokenizer = T5TokenizerFast(vocab=vocab, _spm_precompiled_charsmap=charsmap, extra_ids=2, model_max_length=512)
    tokenizer.save_pretrained(folder)
    return AutoTokenizer.from_pretrained(folder)


def main():
    fixtures = Path(__file__).parents[2] / "packages/backend-local/fixtures"
    with tempfile.TemporaryDirectory() as folder:
        tokenizer = write_t5_tokenizer(folder, normalises=True)
        # SentencePiece of today keeps the joiners of emoji, that of T5's time (and the library here) makes blanks of them.
        texts = [text for text in [*CASES, "</s> x", "<extra_id_0>", "½ ﬃ Ⅷ ①", "ａｂｃ～ｄ～"] if "\u200d" not in text]
        cases = [dict(text=text, ids=tokenizer(text).input_ids) for text in texts]
    (fixtures / "tokenizer/t5.json").write_text(json.dumps(cases, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
