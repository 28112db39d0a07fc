"""The judge: a small network that names the object and the background of a composite.

python classifier.py --sprites DIR --out classifier.safetensors --minutes 4
"""
import argparse
import time

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import nn

from dataset import Painter, labels, sample
from vocabulary import BACKGROUNDS, OBJECTS


def _block(inside, outside):
    return nn.Sequential(nn.Conv2d(inside, outside, 3, 2, 1), nn.GroupNorm(8, outside), nn.SiLU(), nn.Conv2d(outside, outside, 3, 1, 1), nn.GroupNorm(8, outside), nn.SiLU())


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(_block(3, 32), _block(32, 64), _block(64, 96), _block(96, 128))
        self.object = nn.Linear(128, len(OBJECTS))
        self.background = nn.Linear(256, len(BACKGROUNDS))

    def forward(self, images):
        """Logits of object and background for N×3×64×64 values in −1..1."""
        features = self.body(images)
        peak, mean = features.amax((2, 3)), features.mean((2, 3))
        return self.object(peak), self.background(torch.cat([peak, mean], 1))


def load(path):
    model = Classifier()
    model.load_state_dict({k: v.float() for k, v in load_file(path).items()})
    return model.eval()


def disturb(images):
    """Blur, noise and tint, so that the judge looks at what is drawn and not at exact pixels."""
    n = len(images)
    soft = F.interpolate(F.avg_pool2d(images, 2), scale_factor=2, mode="bilinear")
    images = torch.lerp(images, soft, torch.rand(n, 1, 1, 1))
    images = images + torch.randn(n, 1, 1, 1) * 0.04 + torch.randn(n, 3, 1, 1) * 0.03
    return images + torch.randn_like(images) * torch.rand(n, 1, 1, 1) * 0.08


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--sprites", required=True)
    parser.add_argument("--out", default="classifier.safetensors")
    parser.add_argument("--minutes", type=float, default=4)
    args = parser.parse_args()
    painter, rng = Painter(args.sprites), np.random.default_rng(5)
    model = Classifier()
    optimizer = torch.optim.AdamW(model.parameters(), 2e-3, weight_decay=1e-2)
    start, step = time.time(), 0
    while (progress := (time.time() - start) / (args.minutes * 60)) < 1:
        optimizer.param_groups[0]["lr"] = 2e-3 * min(1, (step + 1) / 50) * max(0.02, min(1, 2 - 2 * progress))
        composites = [sample(rng, held_out=True) for _ in range(64)]
        a, b = labels(composites)
        with torch.autocast("cpu", torch.bfloat16):
            objects, backgrounds = model(disturb(painter.batch(composites, rng)))
        loss = F.cross_entropy(objects.float(), a) + F.cross_entropy(backgrounds.float(), b)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        step += 1
        if step % 50 == 0:
            print(f"{step} {time.time() - start:.0f}s loss {loss.item():.3f}", flush=True)
    save_file({k: v.half().contiguous() for k, v in model.state_dict().items()}, args.out)
    model, fresh = load(args.out), np.random.default_rng(999)
    composites = [sample(fresh, held_out=True) for _ in range(2000)]
    a, b = labels(composites)
    with torch.no_grad():
        objects, backgrounds = model(painter.batch(composites, fresh))
    print(f"{step} steps; on 2000 fresh composites: object {(objects.argmax(1) == a).float().mean():.4f}, background {(backgrounds.argmax(1) == b).float().mean():.4f}")


if __name__ == "__main__":
    main()
