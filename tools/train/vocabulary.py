"""What the model can draw: objects, backgrounds, styles, and the pairs that training never shows."""
import json
from pathlib import Path

_data = json.loads((Path(__file__).parent / "vocabulary.json").read_text())

OBJECTS = [o["name"] for o in _data["objects"]]
OBJECT_DATA = {o["name"]: o for o in _data["objects"]}
COLOURS = _data["colours"]
SCENES = _data["scenes"]
STYLES = _data["styles"]
POSITIONS = _data["positions"]
SIZES = _data["sizes"]
BACKGROUNDS = [*COLOURS, *SCENES]


def _held_out_pairs():
    """One background for each object, and a second one for every other object; spread over all backgrounds."""
    pairs = []
    for i, name in enumerate(OBJECTS):
        pairs.append((name, BACKGROUNDS[(i * 7 + 3) % len(BACKGROUNDS)]))
        if i % 2 == 0:
            pairs.append((name, BACKGROUNDS[(i * 5 + 11) % len(BACKGROUNDS)]))
    return sorted(set(pairs))


HELD_OUT = _held_out_pairs()
HELD_OUT_SET = frozenset(HELD_OUT)
