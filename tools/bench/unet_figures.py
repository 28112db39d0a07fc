"""Torch's figures for unet-figures.ts: python unet_figures.py FILE STEPS '{"config": …, "side": …, "inputs": …}', JSON on stdout."""

import json
import resource
import statistics
import sys
import time

import diffusers
import torch
from safetensors import safe_open

file, steps, what = sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3])
with open("/proc/meminfo") as info:
    free = next(int(line.split()[1]) * 1024 for line in info if line.startswith("MemAvailable"))

start = time.perf_counter()
with torch.device("meta"):
    model = diffusers.UNet2DConditionModel(**what["config"])
# The file has [n, n] where diffusers keeps a 1×1 convolution as [n, n, 1, 1].
shapes = {name: value.shape for name, value in model.state_dict().items()}
parameters = sum(shape.numel() for shape in shapes.values())
dtype = torch.float32 if free > 5.5 * parameters else torch.bfloat16
with safe_open(file, "pt") as weights:
    loaded = {name: weights.get_tensor(name).to(dtype).reshape(shapes[name]) for name in weights.keys()}
model.load_state_dict(loaded, assign=True)
model.eval()
load = time.perf_counter() - start
side, given = what["side"], {name: torch.randn(shape, dtype=dtype) for name, shape in what["inputs"].items()}
text = given.pop("encoder_hidden_states")


def seconds():
    times = []
    for _ in range(1 + steps):
        begin = time.perf_counter()
        model(torch.randn(1, 4, side, side, dtype=dtype), torch.tensor([500]), text, added_cond_kwargs=given or None)
        times.append(time.perf_counter() - begin)
    return float(f"{statistics.median(times[1:]):.3g}")


with torch.no_grad():
    figures = {"version": torch.__version__, "weights": str(dtype).removeprefix("torch."), "loadSeconds": round(load, 2)}
    figures["secondsPerStep"] = seconds()
    if dtype == torch.float32:
        with torch.autocast("cpu", torch.bfloat16):
            figures["secondsPerStepBf16Autocast"] = seconds()
    figures["peakMB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
print(json.dumps(figures))
