"""Writes what Pillow's Image.resize with LANCZOS makes of small pictures, for the tests of packages/core/src/image.

    python tools/oracle/resize.py

Output: fixtures/resize.json lists the sizes, resize.bin holds each picture and then the resized one, row by row, channels last.
"""

import json
from pathlib import Path

import numpy as np
import PIL
from PIL import Image

OUT = Path(__file__).parents[2] / "packages/core/src/image/fixtures"
CASES = [
    # from (width, height), to, channels: larger, smaller, one side each, by whole and by odd factors
    ((12, 8), (96, 64), 3), ((33, 33), (66, 66), 3), ((31, 17), (64, 40), 3), ((40, 40), (48, 56), 3),
    ((64, 48), (32, 24), 3), ((61, 37), (16, 24), 3), ((90, 20), (7, 5), 3), ((48, 16), (16, 48), 3),
    ((16, 24), (16, 40), 3), ((24, 16), (40, 16), 3), ((1, 1), (8, 8), 3), ((3, 2), (1, 1), 3), ((64, 1), (5, 3), 3),
    ((20, 20), (33, 33), 4), ((33, 21), (12, 16), 4), ((16, 16), (24, 16), 4),
]  # fmt: skip


def picture(random, width, height, channels, kind):
    noise = random.integers(0, 256, (height, width, channels), dtype=np.uint8)
    if kind == "noise":
        return noise
    # Hard edges overshoot, and are clipped.
    return np.where(noise > 128, 255, 0).astype(np.uint8)


def main():
    OUT.mkdir(exist_ok=True)
    random = np.random.default_rng(0)
    cases, chunks = [], []
    for (width, height), (to_width, to_height), channels in CASES:
        for kind in ("noise", "edges"):
            source = picture(random, width, height, channels, kind)
            mode = "RGB" if channels == 3 else "RGBA"
            resized = np.asarray(Image.fromarray(source, mode).resize((to_width, to_height), Image.LANCZOS))
            cases.append({"kind": kind, "channels": channels, "from": [width, height], "to": [to_width, to_height]})
            chunks += [source.tobytes(), resized.tobytes()]
    (OUT / "resize.bin").write_bytes(b"".join(chunks))
    (OUT / "resize.json").write_text(json.dumps({"pillow": PIL.__version__, "cases": cases}) + "\n")
    print(len(cases), "cases", sum(map(len, chunks)), "bytes")


if __name__ == "__main__":
    main()
