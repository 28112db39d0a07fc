"""The model card's contact sheet, from pictures that the SDK drew.

python sheet.py --write-prompts sheet.json; node --conditions=latentkit-source draw.ts sheet.json pictures
python sheet.py --images pictures --out ../../packages/tiny-model/contact-sheet.png
"""
import argparse
import json
from pathlib import Path

from PIL import Image

import captions
from vocabulary import BACKGROUNDS, HELD_OUT_SET, OBJECTS

COLUMNS, SCALE = 10, 2


def prompts():
    """Each object twice with the seeds 1, 2, 3 …, unpicked: over a background that training showed, then over a held-out one."""
    rows = []
    for turn in range(2):
        for i, name in enumerate(OBJECTS):
            wanted = [b for b in BACKGROUNDS if ((name, b) in HELD_OUT_SET) == (turn == 1)]
            behind = wanted[(i * 5) % len(wanted)]
            rows.append({"id": f"{len(rows):04d}", "prompt": captions.plain(name, behind), "seed": len(rows) + 1})
    return rows


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--write-prompts")
    parser.add_argument("--images")
    parser.add_argument("--out")
    args = parser.parse_args()
    if args.write_prompts:
        Path(args.write_prompts).write_text(json.dumps(prompts(), indent=1) + "\n")
        return
    files = sorted(Path(args.images).glob("*.png"))
    cell = 64 * SCALE
    sheet = Image.new("RGB", (COLUMNS * cell, -(-len(files) // COLUMNS) * cell), "white")
    for i, file in enumerate(files):
        picture = Image.open(file).convert("RGB").resize((cell, cell), Image.Resampling.BICUBIC)
        sheet.paste(picture, (i % COLUMNS * cell, i // COLUMNS * cell))
    sheet.save(args.out, optimize=True)


if __name__ == "__main__":
    main()
