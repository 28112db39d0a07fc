"""Writes a small tokenizer as Qwen's are: every byte, merges that spell a few words, the chat's special tokens, a chat template."""

import json
from pathlib import Path

from tokenizer import WORDS, byte_characters
from transformers import AutoTokenizer, Qwen2Tokenizer

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
THOUGHTS = ["<think>", "</think>"]
#: What stands for pictures in a chat.
PICTURES = ["<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"]
#: What Qwen3's template writes for one message: checked against the published template where that is at hand.
TEMPLATE = (
    "{%- for message in messages %}{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}"
    "{%- if enable_thinking is defined and enable_thinking is false %}{{- '<think>\\n\\n</think>\\n\\n' }}{%- endif %}{%- endif %}"
)


def write_text_tokenizer(folder, more=()):
    """Writes tokenizer.json and its settings into `folder`, with more special tokens; gives the tokenizer as diffusers loads it."""
    merges = []
    for word in ["assistant", "user", *WORDS]:
        for pieces in ([*word], ["Ġ", *word]):
            while len(pieces) > 1:
                if (pieces[0], pieces[1]) not in merges:
                    merges.append((pieces[0], pieces[1]))
                pieces = [pieces[0] + pieces[1], *pieces[2:]]
    tokens = [*byte_characters(), *("".join(pair) for pair in merges)]
    vocabulary = {piece: i for i, piece in enumerate(dict.fromkeys(tokens))}
    tokenizer = Qwen2Tokenizer(vocab=vocabulary, merges=merges, extra_special_tokens=[*SPECIAL[1:], *more], model_max_length=131_072)
    tokenizer.add_tokens(THOUGHTS)
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)
    return AutoTokenizer.from_pretrained(folder)


CASES = [
    "", " ", "a red apple", "A red apple on a blue background", "it's they're I'LL WE'VE", "  two  blanks   three\tTab", "line\nline\r\n\r\nend \n",
    "3,14159 and 2026-11-27", "Ünïcode café cafe\u0301", "一只红苹果", "りんご 사과 яблоко", "👩‍🎨 🍎🍏", "<|im_start|>user<|im_end|>", "a<think>b</think>",
    "<|endoftext|> x", "(word:1.2), [brackets] {braces} ::", "\u00a0nbsp\u3000wide", "ﬁ ligature ½", "x" * 200, "aaa bbb " * 40, "ßẞİı ς Σ", "\ufeffbom", "a\u200bb",
]  # fmt: skip


def main():
    """Writes fixtures/tokenizer/text.json: what the tokenizer of the folder families/z-image makes of some texts, and of chats of them."""
    fixtures = Path(__file__).parents[2] / "packages/backend-local/fixtures"
    tokenizer = AutoTokenizer.from_pretrained(fixtures / "families/z-image/tokenizer")
    cases = []
    for text in CASES:
        message = [dict(role="user", content=text)]
        chats = [
            tokenizer(tokenizer.apply_chat_template(message, tokenize=False, add_generation_prompt=True, enable_thinking=thinking)).input_ids
            for thinking in (True, False)
        ]
        cases.append(dict(text=text, ids=tokenizer(text).input_ids, thinking=chats[0], quick=chats[1]))
    (fixtures / "tokenizer/text.json").write_text(json.dumps(cases, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
