"""Torch's figures for controlnet.ts: python controlnet_figures.py LATENT_SIDE RUNS, JSON on stdout. Weights are random."""

import json
import statistics
import sys
import time

import diffusers
import torch

side, runs = int(sys.argv[1]), int(sys.argv[2])
with open("/proc/meminfo") as info:
    free = next(int(line.split()[1]) * 1024 for line in info if line.startswith("MemAvailable"))


def seconds(run):
    times = []
    for _ in range(1 + runs):
        begin = time.perf_counter()
        run()
        times.append(time.perf_counter() - begin)
    return statistics.median(times[1:])


with torch.no_grad():
    dtype = torch.float32 if free > 6e9 else torch.bfloat16
    sample, text, when = torch.randn(1, 4, side, side, dtype=dtype), torch.randn(1, 77, 768, dtype=dtype), torch.tensor([500])
    unet = diffusers.UNet2DConditionModel(cross_attention_dim=768).to(dtype).eval()
    of_unet = seconds(lambda: unet(sample, when, text))
    del unet
    net = diffusers.ControlNetModel(cross_attention_dim=768).to(dtype).eval()
    picture = torch.rand(1, 3, 8 * side, 8 * side, dtype=dtype)
    of_control = seconds(lambda: net(sample, when, text, controlnet_cond=picture))
figures = {"version": torch.__version__, "weights": str(dtype).removeprefix("torch.")}
figures |= {"unetSeconds": float(f"{of_unet:.3g}"), "controlNetSeconds": float(f"{of_control:.3g}"), "shareOfUnet": float(f"{of_control / of_unet:.3g}")}
print(json.dumps(figures))
