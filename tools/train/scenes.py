"""Draws the backgrounds: a named colour, or one of five simple scenes. All as H×W×3 float arrays in 0..255."""
import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from vocabulary import COLOURS

VARIANTS = 6  # drawings of each scene


def colour(name, size, rng):
    tint = np.asarray(COLOURS[name], np.float32) + rng.uniform(-5, 5, 3)
    return np.broadcast_to(np.clip(tint, 0, 255).astype(np.float32), (size, size, 3))


def _gradient(top, bottom, size):
    t = np.linspace(0, 1, size, dtype=np.float32)[:, None, None]
    rows = np.asarray(top, np.float32) * (1 - t) + np.asarray(bottom, np.float32) * t
    return Image.fromarray(np.broadcast_to(rows, (size, size, 3)).round().astype(np.uint8))


def _hill(draw, size, top, centre, fill):
    """Ground that covers the picture below a wide arc."""
    draw.ellipse([size * (centre - 1.4), size * top, size * (centre + 1.4), size * (top + 2)], fill=fill)


def _grass(size, rng):
    image = _gradient((116, 190, 246), (206, 236, 252), size)
    draw = ImageDraw.Draw(image)
    _hill(draw, size, 0.60 + rng.uniform(-0.02, 0.02), rng.uniform(0.2, 0.8), (96, 186, 84))
    _hill(draw, size, 0.72, rng.uniform(0.1, 0.9), (74, 162, 66))
    return image


def _sunset(size, rng):
    image = _gradient((108, 70, 150), (255, 150, 80), size)
    draw = ImageDraw.Draw(image)
    x, y, r = size * rng.uniform(0.2, 0.8), size * 0.60, size * 0.13
    draw.ellipse([x - r, y - r, x + r, y + r], fill=(255, 226, 120))
    horizon = int(size * 0.62)
    image.paste(_gradient((226, 120, 96), (60, 52, 120), size).resize((size, size - horizon)), (0, horizon))
    for k in range(3):  # the sun's reflection
        w = r * (1 - 0.25 * k)
        draw.rectangle([x - w, horizon + size * (0.05 + 0.09 * k), x + w, horizon + size * (0.075 + 0.09 * k)], fill=(255, 200, 120))
    return image


def _night(size, rng):
    image = _gradient((12, 16, 52), (44, 48, 108), size)
    draw = ImageDraw.Draw(image)
    for _ in range(22):
        x, y, r = rng.uniform(0, size), rng.uniform(0, size), size * rng.uniform(0.010, 0.020)
        draw.ellipse([x - r, y - r, x + r, y + r], fill=(255, 250, 214))
    return image


def _desert(size, rng):
    image = _gradient((122, 196, 240), (252, 232, 190), size)
    draw = ImageDraw.Draw(image)
    _hill(draw, size, 0.62, rng.uniform(0.6, 1.0), (232, 188, 112))
    _hill(draw, size, 0.72, rng.uniform(0.0, 0.4), (214, 162, 84))
    return image


def _snow(size, rng):
    image = _gradient((150, 178, 214), (214, 228, 244), size)
    draw = ImageDraw.Draw(image)
    _hill(draw, size, 0.66, rng.uniform(0.2, 0.8), (244, 248, 255))
    for _ in range(14):
        x, y, r = rng.uniform(0, size), rng.uniform(0, size * 0.7), size * rng.uniform(0.012, 0.02)
        draw.ellipse([x - r, y - r, x + r, y + r], fill=(255, 255, 255))
    return image


_DRAW = {"grass": _grass, "sunset": _sunset, "night": _night, "desert": _desert, "snow": _snow}


def scene(name, variant, size):
    """The given drawing of a scene, always the same pixels for the same arguments."""
    rng = np.random.default_rng([variant, sorted(_DRAW).index(name)])
    image = _DRAW[name](size * 4, rng).filter(ImageFilter.GaussianBlur(1))
    return np.asarray(image.resize((size, size), Image.Resampling.BOX), np.float32)
