"""Composites: one sprite over one background, with everything that a caption may say about it."""
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import scenes
from vocabulary import BACKGROUNDS, COLOURS, HELD_OUT_SET, OBJECTS, SCENES, STYLES

CANVAS = 64
PIXELS = {"small": 32, "normal": 44, "large": 56}
STYLE_ODDS = {"3d": 0.6, "flat": 0.2, "cartoon": 0.2}


@dataclass(frozen=True)
class Composite:
    object: str
    background: str
    style: str
    size: str
    position: str
    x: int
    y: int
    variant: int


def _column(position, free, rng):
    """Left edge of the sprite: whole latent cells (4 px), so that a sprite's latent is the same wherever it is."""
    if position == "left":
        return 0
    if position == "right":
        return free
    return int(rng.choice([free // 8 * 4, (free + 7) // 8 * 4]))


def sample(rng, object=None, background=None, style=None, position=None, size=None, held_out=False):
    """Draws what is not given. A held-out pair never comes up unless `held_out` allows it."""
    for _ in range(1000):
        chosen = object or OBJECTS[rng.integers(len(OBJECTS))]
        names = list(COLOURS) if rng.random() < 0.65 else list(SCENES)
        behind = background or names[rng.integers(len(names))]
        if held_out or (chosen, behind) not in HELD_OUT_SET:
            break
    else:
        raise ValueError(f"({object}, {background}) is held out")
    style = style or str(rng.choice(list(STYLE_ODDS), p=list(STYLE_ODDS.values())))
    size = size or str(rng.choice(["small", "normal", "large"], p=[0.15, 0.65, 0.2]))
    position = position or str(rng.choice(["left", "center", "right"], p=[0.15, 0.7, 0.15]))
    if size == "large":
        position = "center"
    free = CANVAS - PIXELS[size]
    x = _column(position, free, rng)
    y = free // 8 * 4 if behind in COLOURS else max(0, free - 4)  # centred on a colour, standing in a scene
    return Composite(chosen, behind, style, size, position, x, y, int(rng.integers(scenes.VARIANTS)))


class Painter:
    """Holds the sprites at every size and paints composites as uint8 arrays."""

    def __init__(self, folder, canvas=CANVAS):
        self.canvas, self.factor = canvas, canvas / CANVAS
        self.sprites, self.scenes = {}, {}
        for name in OBJECTS:
            for style in STYLES:
                full = Image.open(Path(folder) / f"{name.replace(' ', '_')}.{style}.png").convert("RGBA").convert("RGBa")
                for size, pixels in PIXELS.items():
                    side = round(pixels * self.factor)
                    small = np.asarray(full.resize((side, side), Image.Resampling.LANCZOS), np.float32)
                    self.sprites[name, style, size] = small[..., :3], 1 - small[..., 3:] / 255
        for name in SCENES:
            for variant in range(scenes.VARIANTS):
                self.scenes[name, variant] = scenes.scene(name, variant, canvas)

    def paint(self, c, rng):
        if c.background in COLOURS:
            image = scenes.colour(c.background, self.canvas, rng).copy()
        else:
            image = self.scenes[c.background, c.variant].copy()
        rgb, clear = self.sprites[c.object, c.style, c.size]
        side, x, y = len(rgb), round(c.x * self.factor), round(c.y * self.factor)
        area = image[y : y + side, x : x + side]
        area *= clear
        area += rgb
        return np.clip(image, 0, 255).round().astype(np.uint8)

    def batch(self, composites, rng):
        """N×3×H×W floats in −1..1."""
        images = np.stack([self.paint(c, rng) for c in composites])
        return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1


def labels(composites):
    return (
        torch.tensor([OBJECTS.index(c.object) for c in composites]),
        torch.tensor([BACKGROUNDS.index(c.background) for c in composites]),
    )
