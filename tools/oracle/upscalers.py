"""Writes small random upscaling networks in each of their namings, and what torch makes of a picture with them.

packages/backend-local/fixtures/upscalers/<name>.safetensors are the networks; images.safetensors holds `picture` and each network's result, U8
[height, width, 3]. The networks are written down here after their papers' and BasicSR's formulas, on plain functions.

    python tools/oracle/upscalers.py [spandrel]

With `spandrel` it writes nothing there, and holds what is written down here against spandrel's classes, where that package is installed.
"""

import math
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

BESIDE_SPANDREL = sys.argv[1:] == ["spandrel"]
FIXTURES = Path(__file__).parents[2] / "packages/backend-local/fixtures/upscalers"
FOLDER = Path(tempfile.mkdtemp()) if BESIDE_SPANDREL else FIXTURES
GENERATOR = torch.Generator().manual_seed(7)
# spandrel has the published growth written down.
FEATURES, GROWTH, BLOCKS = 8, 32 if BESIDE_SPANDREL else 4, 2


def conv(outputs, inputs, kernel=3, gain=1.0, bias=0.0):
    weight = torch.randn(outputs, inputs, kernel, kernel, generator=GENERATOR) * gain / math.sqrt(inputs * kernel * kernel)
    return {"weight": weight.half().float(), "bias": (bias + 0.05 * torch.randn(outputs, generator=GENERATOR)).half().float()}


def of(layers, name, x):
    layer = layers[name]
    weight = layer["weight"]
    return F.conv2d(x, weight, layer.get("bias"), padding=weight.shape[-1] // 2)


def rrdb(unshuffle=1, doublings=2, plus=False):
    layers = {"conv_first": conv(FEATURES, 3 * unshuffle**2)}
    for i in range(BLOCKS):
        for j in (1, 2, 3):
            for k in range(1, 6):
                layers[f"body.{i}.rdb{j}.conv{k}"] = conv(FEATURES if k == 5 else GROWTH, FEATURES + (k - 1) * GROWTH, gain=2)
            if plus:
                layers[f"body.{i}.rdb{j}.conv1x1"] = {"weight": conv(GROWTH, FEATURES, 1)["weight"]}
    layers["conv_body"] = conv(FEATURES, FEATURES)
    for i in range(doublings):
        layers[f"conv_up{i + 1}"] = conv(FEATURES, FEATURES, gain=1.3)
    layers["conv_hr"] = conv(FEATURES, FEATURES, gain=1.3)
    layers["conv_last"] = conv(3, FEATURES, gain=0.6, bias=0.4)
    return layers


def run_rrdb(layers, x):
    def leaky(value):
        return F.leaky_relu(value, 0.2)

    def dense(name, x):
        seen = [x]
        for k in range(1, 5):
            made = leaky(of(layers, f"{name}.conv{k}", torch.cat(seen, 1)))
            if f"{name}.conv1x1" in layers:
                made = made + (of(layers, f"{name}.conv1x1", x) if k == 2 else seen[2] if k == 4 else 0)
            seen.append(made)
        return of(layers, f"{name}.conv5", torch.cat(seen, 1)) * 0.2 + x

    inputs = layers["conv_first"]["weight"].shape[1]
    first = of(layers, "conv_first", F.pixel_unshuffle(x, math.isqrt(inputs // 3)))
    x = first
    for i in range(BLOCKS):
        inner = x
        for j in (1, 2, 3):
            inner = dense(f"body.{i}.rdb{j}", inner)
        x = inner * 0.2 + x
    x = first + of(layers, "conv_body", x)
    for name in sorted(name for name in layers if name.startswith("conv_up")):
        x = leaky(of(layers, name, F.interpolate(x, scale_factor=2, mode="nearest")))
    return of(layers, "conv_last", leaky(of(layers, "conv_hr", x)))


def calm(layers, pixels, multiple):
    """Brings what the network makes into the range of pictures."""
    _, values = enlarged(run_rrdb, layers, pixels, multiple)
    last, factor = layers["conv_last"], 0.15 / values.std()
    last["bias"] = ((last["bias"] - values.mean()) * factor + 0.5).half().float()
    last["weight"] = (last["weight"] * factor).half().float()


def old_names(layers, doublings):
    """ESRGAN's published files: one list of layers, the blocks nested in its second."""
    ups = {f"conv_up{i + 1}": f"model.{3 * i + 3}" for i in range(doublings)}
    ends = {"conv_hr": f"model.{3 * doublings + 2}", "conv_last": f"model.{3 * doublings + 4}"}
    own = {"conv_first": "model.0", "conv_body": f"model.1.sub.{BLOCKS}", **ups, **ends}

    def renamed(name):
        if name in own:
            return own[name]
        name = name.replace("body.", "model.1.sub.").replace("rdb", "RDB")
        return name if name.endswith("conv1x1") else f"{name}.0"

    return {renamed(name): layer for name, layer in layers.items()}


def trunk_names(layers):
    """ESRGAN's first code, and BSRGAN's."""
    pairs = [("body.", "RRDB_trunk."), ("rdb", "RDB"), ("conv_body", "trunk_conv"), ("conv_up", "upconv"), ("conv_hr", "HRconv")]

    def renamed(name):
        for ours, theirs in pairs:
            name = name.replace(ours, theirs) if ours != "body." or name.startswith("body.") else name
        return name

    return {renamed(name): layer for name, layer in layers.items()}


def compact(upscale, convs=3):
    layers = {}
    for i in range(convs + 1):
        layers[f"body.{2 * i}"] = conv(FEATURES, 3 if i == 0 else FEATURES, gain=1.4)
        layers[f"body.{2 * i + 1}"] = {"weight": (0.2 + 0.1 * torch.randn(FEATURES, generator=GENERATOR)).half().float()}
    layers[f"body.{2 * convs + 2}"] = conv(3 * upscale**2, FEATURES, gain=0.3)
    return layers


def run_compact(layers, x):
    start, last = x, len(layers) - 1
    for i in range(0, last, 2):
        x = F.prelu(of(layers, f"body.{i}", x), layers[f"body.{i + 1}"]["weight"])
    x = of(layers, f"body.{last}", x)
    upscale = math.isqrt(x.shape[1] // 3)
    return F.pixel_shuffle(x, upscale) + F.interpolate(start, scale_factor=upscale, mode="nearest")


def picture(height=37, width=45):
    y, x = np.mgrid[0:height, 0:width]
    wave = 90 * np.sin(x / 3) * np.cos(y / 4)
    return np.stack([128 + wave, x * 255 / width, 255 - y * 255 / height], -1).clip(0, 255).astype(np.uint8)


def enlarged(run, layers, pixels, multiple):
    x = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
    height, width = x.shape[2:]
    padded = F.pad(x, (0, -width % multiple, 0, -height % multiple), mode="reflect")
    with torch.no_grad():
        made = run(layers, padded)
    factor = made.shape[2] // padded.shape[2]
    made = made[:, :, : height * factor, : width * factor]
    return (made.clamp(0, 1)[0].permute(1, 2, 0) * 255).round().to(torch.uint8).contiguous(), made


def flat(layers, prefix=""):
    return {f"{prefix}{name}.{key}": value.half().contiguous() for name, layer in layers.items() for key, value in layer.items()}


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    pixels = picture()
    images = {"picture": torch.from_numpy(pixels)}
    cases = {
        "rrdb-x4": (run_rrdb, rrdb(), 1, lambda layers: flat(layers, "params_ema.")),
        "rrdb-x4-old": (run_rrdb, rrdb(), 1, lambda layers: flat(old_names(layers, 2))),
        "rrdb-x2-old": (run_rrdb, rrdb(doublings=1), 1, lambda layers: flat(old_names(layers, 1))),
        "rrdb-x1-old": (run_rrdb, rrdb(doublings=0), 1, lambda layers: flat(old_names(layers, 0))),
        "rrdb-x2": (run_rrdb, rrdb(unshuffle=2), 2, flat),
        "rrdb-x1": (run_rrdb, rrdb(unshuffle=4), 4, flat),
        "rrdb-x4-trunk": (run_rrdb, rrdb(), 1, lambda layers: flat(trunk_names(layers))),
        "rrdb-x4-plus": (run_rrdb, rrdb(plus=True), 1, lambda layers: flat(old_names(layers, 2))),
        "compact-x4": (run_compact, compact(4), 1, flat),
        "compact-x2": (run_compact, compact(2), 1, lambda layers: flat(layers, "params.")),
    }
    for name, (run, layers, multiple, write) in cases.items():
        if run is run_rrdb:
            calm(layers, pixels, multiple)
        save_file(write(layers), FOLDER / f"{name}.safetensors")
        images[name], values = enlarged(run, layers, pixels, multiple)
        outside = ((values < 0) | (values > 1)).float().mean().item()
        print(f"{name}: {tuple(images[name].shape)}, {outside:.1%} clipped, deviation {values.std():.3f}")
        if BESIDE_SPANDREL and multiple == 1:
            hold_against_spandrel(name, pixels, values)
    save_file(images, FOLDER / "images.safetensors")


def hold_against_spandrel(name, pixels, values):
    from safetensors.torch import load_file
    from spandrel.architectures import ESRGAN, Compact

    tensors = {key.removeprefix("params_ema.").removeprefix("params."): value.float() for key, value in load_file(FOLDER / f"{name}.safetensors").items()}
    arch = Compact.CompactArch() if name.startswith("compact") else ESRGAN.ESRGANArch()
    described = arch.load(tensors)
    described.model.load_state_dict(ESRGAN._to_old_arch(tensors) if name.startswith("rrdb") else tensors)
    with torch.no_grad():
        theirs = described.model.eval()(torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255)
    print(f"  spandrel: {(theirs - values).abs().max().item():.2e} apart")


main()
