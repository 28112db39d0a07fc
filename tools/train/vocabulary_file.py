"""What the model was taught, for programs: `python vocabulary_file.py ../../packages/tiny-model/vocabulary.json`."""
import json
import sys
from pathlib import Path

import captions
import vocabulary as v

SIDE = 64


def write_vocabulary(path):
    """Objects, colours and the rest for programs that offer them; every word of a caption, and the size, for those that hold a prompt against them."""
    data = {
        "objects": v.OBJECTS,
        "synonyms": {name: data["synonyms"] for name, data in v.OBJECT_DATA.items() if data["synonyms"]},
        "colours": list(v.COLOURS),
        "scenes": v.SCENES,
        "styles": v.STYLES,
        "positions": captions.PLACES,
        "sizes": captions.SIZE_WORDS,
        "words": captions.words(),
        "side": SIDE,
        "heldOutPairs": [list(pair) for pair in v.HELD_OUT],
    }
    path.write_text(json.dumps(data, indent=2) + "\n")


if __name__ == "__main__":
    write_vocabulary(Path(sys.argv[1]))
