"""Writes what AUTOMATIC1111 and ComfyUI make of prompts, for the tests of packages/backend-local/src/prompts.

    pip install lark
    WEBUI=/path/to/stable-diffusion-webui-forge COMFYUI=/path/to/ComfyUI python tools/oracle/prompt_syntaxes.py

Both programs' own code is loaded from their checkouts (nothing of it is kept here), A1111's as Forge carries it; what their prompt code
does not need is stubbed. The text encoders are those of fixtures/pipelines. Output, in fixtures/prompts: parsed.json (segments, schedules,
parts between ANDs, by prompt), encoded.json and encoded.safetensors (chunks with weights; the states that the UNet attends to).
"""

import ast
import importlib.util
import json
import os
import random
import re
import sys
import types
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import CLIPTextModel, CLIPTokenizer

FIXTURES = Path(__file__).parents[2] / "packages/backend-local/fixtures"
OUT = FIXTURES / "prompts"
WEBUI, COMFYUI = Path(os.environ["WEBUI"]), Path(os.environ["COMFYUI"])

PROMPTS = [
    "", " ", "a red apple", "an (important) word", "a (very (important)) word", "(((a)))", "[a] [[b]]", "(a:1.3) (b:0.5)", "((a:1.3):1.2)",
    "((a:1.3))", "(a [b] c:1.2)", "a (b", "a [b", "a) b]", r"\(a\) \[b\] \\ (c\):1.2)", "(a:)", "(a: 1.4 )", "(a:-1)", "(a:.5)", "(a:2.)", "(:1.3)",
    "a:b:1.3", "(a:b:1.3)", "(a:1.3", "a BREAK b", "a\nBREAK\nb", "BREAK", "a BREAK BREAK b", "(a BREAK b)", "aBREAK b", "a BREAK, b", "xBREAK BREAKx",
    "a AND b", "a AND b :1.2 AND c:-0.5", "a:1.5", "a : .7 ", "AND", "a ANDb", "a\nb AND c\nd : 2", "a [b:c:0.5] d", "a [b:3]", "a [b: 3 ]", "a [b::3]", "[b:c:0.25]",
    "a [[b:c:3]:d:0.8]", "a [[[b]]:2]", "[(a:2):3]", "a [b : c : 1] d", "a[b:[c:d:2]:1]e", "a [unbalanced", "a [b:.5] c", "[a|b] c", "[a|(b:1.1)]", "[fe|]male",
    "[fe|||]male", "[a|b|c:1.2]", "a [b:c] d", "a [b:c:d] e", "(a [b:c:0.5]:1.2)", "[a:b:0]", "[a:b:1]", "[a:b:1.0]", "[a:b:100]", "[a:b:-1]", "[a:b:1e1]", "a | b",
    "a\\", "[[a|b]:c:0.5]", "[a:[b|c]:4]", "[a|[b:c:0.5]]", "(a|b)", "::", "a (b:c:0.5)", "é (ü:1.2) (漢字:0.8)", "a embedding:x (b embedding:y, c:1.2)",
    "embedding:x", "a(b)c(d:2)e", ")(", "a)(b)(c", "(a))((b)", "(a:1_0)", "(a:1e-1)", "(a: 1.2)", "(a:+1.2)", "()", "(())", "[]", "(a:1.1.1)",
]  # fmt: skip

PIECES = [
    "a", "b ", " c", ", ", "1", "(c:1.2)", "((d))", "[e]", " BREAK ", "\n", "é", "_", "-", "\\(", "\\)", "\\]", "(f:0.8)", "[g]", " AND ", "(h (i:1.4))", "[j|k]", "[l:m:0.4]", "[n:3]",
    "[o::2]", "([p:q:0.6]:1.1)", "[r|s|(t:1.3)]", "word ", " : ",
]  # fmt: skip

LONG = "a red apple, a green dog, a photo of a cat on blue background, "
ENCODED = [
    "a red apple on a blue background", "a (red:1.4) apple", "a [red] apple on a (blue (background:1.3))", "", "(a:0) (red:-1.2) apple!",
    LONG * 6, f"({LONG}:1.2)" + LONG * 3 + "blurry, (cat dog:0.7) " * 8, "red apple BREAK (blue:1.5) background BREAK cat", "cat! " * 36 + "(a red green dog:1.3)" + " cat" * 3, "zz" * 40, "a <|endoftext|> (red:1.2) apple",
]  # fmt: skip


def load(path, name):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def stub(name, **members):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__dict__.update(members)
    return sys.modules[name]


def load_comfy():
    """ComfyUI's prompt functions, its tokenizer, and what it does with a text encoder's states."""
    names = ("gen_empty_tokens", "ClipTokenWeightEncoder", "parse_parentheses", "token_weights", "escape_important", "unescape_important", "SDTokenizer")
    tree = ast.parse((COMFYUI / "comfy/sd1_clip.py").read_text())
    tree.body = [node for node in tree.body if getattr(node, "name", None) in names]
    manager = types.SimpleNamespace(intermediate_device=lambda: "cpu")
    import logging

    scope = {"re": re, "os": os, "torch": torch, "logging": logging, "CLIPTokenizer": CLIPTokenizer, "model_management": manager}
    scope["load_embed"] = lambda *_: None
    exec(compile(tree, "sd1_clip.py", "exec"), scope)
    return types.SimpleNamespace(**scope)


class NoEmbeddings:
    """Stands in for A1111's textual inversions."""

    fixes = None

    def __init__(self, *_):
        pass

    def find_embedding_at_position(self, *_):
        return None, None


def load_webui():
    stub("modules.shared", opts=types.SimpleNamespace(emphasis="Original"))
    stub("modules", shared=sys.modules["modules.shared"])
    manager = stub("backend.memory_management", text_encoder_device=lambda: "cpu")
    stub("backend.text_processing.textual_inversion", EmbeddingDatabase=NoEmbeddings)
    folder = WEBUI / "backend/text_processing"
    parsing, emphasis = load(folder / "parsing.py", "backend.text_processing.parsing"), load(folder / "emphasis.py", "backend.text_processing.emphasis")
    stub("backend.text_processing", parsing=parsing, emphasis=emphasis)
    stub("backend", memory_management=manager)
    engine = load(folder / "classic_engine.py", "classic_engine")
    return load(WEBUI / "modules/prompt_parser.py", "prompt_parser"), engine.ClassicTextProcessingEngine


def parsed(prompt, steps, webui, comfy):
    found = {"prompt": prompt, "steps": steps}
    try:
        found["attention"] = webui.parse_prompt_attention(prompt)
    except ValueError:
        found["attention"] = None
    found["schedule"] = webui.get_learned_conditioning_prompt_schedules([prompt], steps)[0]
    indexes, flat, _ = webui.get_multicond_prompt_list([prompt])
    found["and"] = [[flat[i], weight] for i, weight in indexes[0]]
    weights = comfy.token_weights(comfy.escape_important(prompt), 1.0)
    found["comfy"] = [[comfy.unescape_important(text), weight] for text, weight in weights]
    return found


class WebuiEncoder(torch.nn.Module):
    """A text encoder as A1111's engine holds it."""

    def __init__(self, model):
        super().__init__()
        self.model = model
        self.text_model = getattr(model, "text_model", model)

    def forward(self, tokens, output_hidden_states):
        output = self.model(tokens, output_hidden_states=output_hidden_states)
        # A1111's own has the projection in the pooled text.
        embeds = getattr(output, "text_embeds", None)
        return output if embeds is None else types.SimpleNamespace(hidden_states=output.hidden_states, pooler_output=embeds)


def webui_engine(engine, model, tokenizer, pad, clip_skip, **options):
    found = engine(types.SimpleNamespace(transformer=WebuiEncoder(model)), tokenizer, clip_skip=clip_skip, **options)
    found.id_pad = pad
    # It has put a layer of its own in front of the embedding, for textual inversions.
    return found


def comfy_encoder(comfy, model, special, clip_skip, norm=True):
    class Encoder(comfy.ClipTokenWeightEncoder):
        special_tokens = special

        def encode(self, tokens):
            output = model(torch.tensor(tokens), output_hidden_states=True)
            states = output.hidden_states[-clip_skip]
            pooled = output.text_embeds if hasattr(output, "text_embeds") else output.pooler_output
            return getattr(model, "text_model", model).final_layer_norm(states) if norm else states, pooled

    return Encoder()


@torch.no_grad()
def encoded(name, pad, comfy, engine):
    """What both make of ENCODED with the text encoder of a fixture; `pad` as the encoder fills up."""
    folder = FIXTURES / "pipelines" / name
    tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer", local_files_only=True)
    read = lambda: CLIPTextModel.from_pretrained(folder / "text_encoder", torch_dtype=torch.float32, local_files_only=True).eval()
    pad_id = tokenizer.convert_tokens_to_ids(pad)
    special = {"start": tokenizer.bos_token_id, "end": tokenizer.eos_token_id, "pad": pad_id}
    groups = [[prompt] for prompt in ENCODED] + [["a (red:1.5) apple", LONG * 5 + "(dog:1.3)", "cat"]]
    for skip in (1, 2):
        webui = webui_engine(engine, read(), tokenizer, pad_id, skip)
        plain = read()
        clip = comfy_encoder(comfy, plain, special, skip)
        words = comfy.SDTokenizer(str(folder / "tokenizer"), pad_token=pad_id)
        for texts in groups if (name, skip) == ("sd1", 1) else [groups[1], groups[2], groups[8], groups[-1]]:
            chunks = webui.process_texts(texts)[0]
            rows = [[[c.tokens, c.multipliers] for c in each] for each in chunks]
            yield {"model": name, "pad": pad, "syntax": "a1111", "clipSkip": skip, "texts": texts, "chunks": rows}, webui(texts)
            if len(texts) > 1:
                continue
            pairs = words.tokenize_with_weights(texts[0])
            rows = [[[[t for t, _ in each], [w for _, w in each]] for each in pairs]]
            yield {"model": name, "pad": pad, "syntax": "comfyui", "clipSkip": skip, "texts": texts, "chunks": rows}, clip.encode_token_weights(pairs)[0]


def compact(case):
    """Chunks without what repeats at their ends."""
    def end(values):
        n = len(values)
        while n > 1 and values[n - 2] == values[-1]:
            n -= 1
        return values[:n]

    return {**case, "chunks": [[[end(ids), end(weights)] for ids, weights in text] for text in case["chunks"]]}


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    webui, engine = load_webui()
    comfy = load_comfy()
    rng = random.Random(9)
    rows = ["".join(rng.choice(PIECES) for _ in range(rng.randint(2, 8))) for _ in range(120)]
    cases = [parsed(prompt, steps, webui, comfy) for i, prompt in enumerate([*PROMPTS, *rows]) for steps in ([10, 4, 1][i % 3],)]
    (OUT / "parsed.json").write_text(json.dumps(cases, ensure_ascii=False, separators=(",", ":")))
    texts, tensors = [], {}
    for name, pad in (("sd1", "<|endoftext|>"), ("sd2", "!")):
        for case, states in encoded(name, pad, comfy, engine):
            tensors[str(len(texts))] = states.contiguous()
            texts.append(compact(case))
    (OUT / "encoded.json").write_text(json.dumps(texts, separators=(",", ":")))
    save_file(tensors, OUT / "encoded.safetensors")
    print(f"{len(cases)} prompts parsed, {len(texts)} encoded")


if __name__ == "__main__":
    main()
