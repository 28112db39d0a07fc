"""Torch's figures for gpu.ts: python gpu_torch.py FILE '{"config": …, "side": …, "inputs": …}', a line on stdout."""

import json
import statistics
import sys
import time

import torch

if not torch.cuda.is_available():
    sys.exit("torch sees no card")

import diffusers
from safetensors.torch import load_file

file, what = sys.argv[1], json.loads(sys.argv[2])
with torch.device("meta"):
    model = diffusers.UNet2DConditionModel(**what["config"])
# The file has [n, n] where diffusers keeps a 1×1 convolution as [n, n, 1, 1].
shapes = {name: value.shape for name, value in model.state_dict().items()}
start = time.perf_counter()
loaded = {name: value.reshape(shapes[name]) for name, value in load_file(file, device="cuda").items()}
model.load_state_dict(loaded, assign=True)
model.to(torch.float16).eval()
torch.cuda.synchronize()
load = time.perf_counter() - start


def seconds(batch):
    def given(shape):
        return torch.randn([batch, *shape[1:]], dtype=torch.float16, device="cuda")

    inputs = {name: given(shape) for name, shape in what["inputs"].items() if name != "timestep"}
    text = inputs.pop("encoder_hidden_states")
    latent = given([1, 4, what["side"], what["side"]])
    times = []
    for _ in range(9):
        begin = time.perf_counter()
        model(latent, torch.tensor([500], device="cuda"), text, added_cond_kwargs=inputs or None)
        torch.cuda.synchronize()
        times.append(time.perf_counter() - begin)
    return times[0], statistics.median(times[2:])


with torch.no_grad():
    first, one = seconds(1)
    _, two = seconds(2)
peak = torch.cuda.max_memory_allocated() / 2**20
print(f"load {load:.2f} s, first {first:.2f} s, one {one:.4f} s, two {two:.4f} s, card {peak:.0f} MiB at most; torch {torch.__version__}")
