"""Measures whether the model draws what the prompt says.

python evaluate.py --model ../../packages/tiny-model/model --prompts 500        draws with diffusers and judges
python evaluate.py --write-prompts prompts.json --prompts 500                   the same prompts and seeds, for another engine
python evaluate.py --read-prompts prompts.json --images DIR                     judges that engine's DIR/0000.png, DIR/0001.png …
"""
import argparse
import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import captions
import classifier
from dataset import sample
from vocabulary import BACKGROUNDS, HELD_OUT, OBJECTS


def make_prompts(count, seed, held_out_repeats=2):
    """`count` prompts over the trained pairs, every object equally often, then every held-out pair; each with its own seed."""
    rng = np.random.default_rng(seed)
    composites = [(sample(rng, object=OBJECTS[i % len(OBJECTS)]), False) for i in range(count)]
    composites += [(sample(rng, object=o, background=b, held_out=True), True) for o, b in HELD_OUT * held_out_repeats]
    return [
        {
            "id": f"{i:04d}",
            "prompt": captions.caption(c, rng, complete=True),
            "seed": 1_000_000 * seed + i,
            "object": c.object,
            "background": c.background,
            "heldOut": held_out,
        }
        for i, (c, held_out) in enumerate(composites)
    ]


def draw(model, prompts, steps, guidance, batch=50):
    """Uint8 N×64×64×3 through StableDiffusionPipeline itself."""
    from diffusers import StableDiffusionPipeline

    pipe = StableDiffusionPipeline.from_pretrained(model, torch_dtype=torch.float32)
    pipe.set_progress_bar_config(disable=True)
    images = []
    for start in range(0, len(prompts), batch):
        chosen = prompts[start : start + batch]
        generators = [torch.Generator().manual_seed(p["seed"]) for p in chosen]
        result = pipe([p["prompt"] for p in chosen], num_inference_steps=steps, guidance_scale=guidance, generator=generators, output_type="np")
        images.append((result.images * 255).round().astype(np.uint8))
    return np.concatenate(images)


def read(folder, prompts):
    images = [Image.open(Path(folder) / f"{p['id']}.png").convert("RGB") for p in prompts]
    return np.stack([np.asarray(i if i.size == (64, 64) else i.resize((64, 64), Image.Resampling.LANCZOS)) for i in images])


@torch.no_grad()
def judge(model, images):
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1
    objects, backgrounds = zip(*(model(chunk) for chunk in pixels.split(100)))
    return [OBJECTS[i] for i in torch.cat(objects).argmax(1)], [BACKGROUNDS[i] for i in torch.cat(backgrounds).argmax(1)]


def percent(hits):
    return f"{100 * sum(hits) / max(1, len(hits)):.1f} % ({sum(hits)}/{len(hits)})"


def report(prompts, objects, backgrounds):
    rows = [(p, o == p["object"], b == p["background"], o) for p, o, b in zip(prompts, objects, backgrounds)]
    for title, kept in (("trained pairs", False), ("held-out pairs", True)):
        chosen = [r for r in rows if r[0]["heldOut"] == kept]
        if chosen:
            print(f"{title}: object {percent([r[1] for r in chosen])}, background {percent([r[2] for r in chosen])}, both {percent([r[1] and r[2] for r in chosen])}")
    hits, taken = defaultdict(list), defaultdict(list)
    for prompt, right, _, seen in rows:
        hits[prompt["object"]].append(right)
        if not right:
            taken[prompt["object"]].append(seen)
    print("\nobject, all prompts:")
    for name in sorted(hits, key=lambda n: (sum(hits[n]) / len(hits[n]), n)):
        print(f"  {name:12} {percent(hits[name]):18} {'taken for ' + ', '.join(sorted(set(taken[name]))) if taken[name] else ''}")
    places = defaultdict(list)
    for prompt, _, right, _ in rows:
        places[prompt["background"]].append(right)
    print("\nbackground, all prompts:")
    for name in BACKGROUNDS:
        print(f"  {name:12} {percent(places[name])}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model")
    parser.add_argument("--images")
    parser.add_argument("--prompts", type=int, default=500)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--guidance", type=float, default=4.0)
    parser.add_argument("--write-prompts")
    parser.add_argument("--read-prompts")
    parser.add_argument("--save", help="a folder for the pictures drawn")
    parser.add_argument("--classifier", default=str(Path(__file__).parent / "classifier.safetensors"))
    args = parser.parse_args()
    prompts = json.loads(Path(args.read_prompts).read_text()) if args.read_prompts else make_prompts(args.prompts, args.seed)
    if args.write_prompts:
        Path(args.write_prompts).write_text(json.dumps(prompts, indent=1) + "\n")
        return
    if args.images:
        images = read(args.images, prompts)
    else:
        images = draw(args.model, prompts, args.steps, args.guidance)
    if args.save:
        Path(args.save).mkdir(parents=True, exist_ok=True)
        for prompt, image in zip(prompts, images):
            Image.fromarray(image).save(Path(args.save) / f"{prompt['id']}.png")
    report(prompts, *judge(classifier.load(args.classifier), images))


if __name__ == "__main__":
    main()
