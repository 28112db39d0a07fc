"""Torch's figures for vae-decode.ts: python vae_decode.py FILE SIDE, JSON on stdout. Tiled first, then whole where memory allows."""

import json
import resource
import sys
import time

import diffusers
import torch
from safetensors.torch import load_file

file, side = sys.argv[1], int(sys.argv[2])
blocks = dict(
    down_block_types=["DownEncoderBlock2D"] * 4, up_block_types=["UpDecoderBlock2D"] * 4,
    block_out_channels=[128, 256, 512, 512], layers_per_block=2, sample_size=512,
)  # fmt: skip
with torch.device("meta"):
    vae = diffusers.AutoencoderKL(**blocks)
shapes = {name: value.shape for name, value in vae.state_dict().items()}
weights = {name: value.reshape(shapes[name]) for name, value in load_file(file).items()}
# The file has the decoder's weights alone.
vae.encoder, vae.quant_conv = None, None
vae.load_state_dict(weights, assign=True)
vae.eval()
latent = torch.randn(1, 4, side // 8, side // 8)


def measured():
    begin = time.perf_counter()
    with torch.no_grad():
        vae.decode(latent)
    seconds = time.perf_counter() - begin
    return {"seconds": float(f"{seconds:.3g}"), "peakGB": float(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.3g}")}


vae.enable_tiling()
figures = {"version": torch.__version__, "tiled": measured()}
vae.disable_tiling()
with open("/proc/meminfo") as info:
    free = next(int(line.split()[1]) * 1024 for line in info if line.startswith("MemAvailable"))
figures["whole"] = measured() if free > 5000 * side * side else "not run: too little memory"
print(json.dumps(figures))
