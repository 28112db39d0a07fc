"""Checkpoints that survive a kill in the middle of a write, averages of weights, and picture grids."""
import os
from pathlib import Path

import torch
from PIL import Image


def save(path, state):
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(state, f"{path}.part")
    os.replace(f"{path}.part", path)


class Average:
    """Exponential moving average of a module's parameters, with a warm-up so that it follows early training."""

    def __init__(self, module, decay, state=None):
        self.parameters = list(module.parameters())
        self.shadow = [p.detach().clone() for p in self.parameters] if state is None else state["shadow"]
        self.decay, self.step = decay, 0 if state is None else state["step"]

    @torch.no_grad()
    def update(self):
        self.step += 1
        decay = min(self.decay, (1 + self.step) / (20 + self.step))
        torch._foreach_lerp_(self.shadow, self.parameters, 1 - decay)

    @torch.no_grad()
    def swap(self):
        """Exchanges average and live weights; call again to go back."""
        for p, s in zip(self.parameters, self.shadow):
            live = p.detach().clone()
            p.copy_(s)
            s.copy_(live)

    def state(self):
        return {"shadow": self.shadow, "step": self.step}


def grid(images, columns, path, scale=1):
    """Writes N×3×H×W values in −1..1 as one PNG."""
    pixels = ((images.float().clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1)
    rows = [torch.cat(list(pixels[i : i + columns]), 1) for i in range(0, len(pixels) // columns * columns, columns)]
    image = Image.fromarray(torch.cat(rows, 0).numpy())
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    image.resize((image.width * scale, image.height * scale), Image.Resampling.NEAREST).save(path)
