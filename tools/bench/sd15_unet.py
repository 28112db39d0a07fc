"""Torch's figures for sd15-unet.ts: python sd15_unet.py FILE STEPS, JSON on stdout."""

import json
import statistics
import sys
import time

import diffusers
import torch
from safetensors.torch import load_file

start = time.perf_counter()
with torch.device("meta"):
    model = diffusers.UNet2DConditionModel(cross_attention_dim=768)
# The file has [n, n] where diffusers keeps a 1×1 convolution as [n, n, 1, 1].
shapes = {name: value.shape for name, value in model.state_dict().items()}
weights = {name: value.float().reshape(shapes[name]) for name, value in load_file(sys.argv[1]).items()}
model.load_state_dict(weights, assign=True)
model.eval()
load = time.perf_counter() - start
inputs = torch.randn(1, 4, 64, 64), torch.tensor([500]), torch.randn(1, 77, 768)


def seconds():
    times = []
    for _ in range(1 + int(sys.argv[2])):
        begin = time.perf_counter()
        model(*inputs)
        times.append(time.perf_counter() - begin)
    return statistics.median(times[1:])


with torch.no_grad():
    figures = {"version": torch.__version__, "loadSeconds": round(load, 2), "secondsPerStep": round(seconds(), 2)}
    with torch.autocast("cpu", torch.bfloat16):
        figures["secondsPerStepBf16Autocast"] = round(seconds(), 2)
print(json.dumps(figures))
