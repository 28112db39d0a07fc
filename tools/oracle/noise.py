"""Writes torch's random numbers for the tests of packages/core/src/diffusion/noise.

    python tools/oracle/noise.py

Output: fixtures/noise.json. Long draws are kept as a few of their values and a checksum of all their bits.
"""

import hashlib
import json
import pathlib

import numpy
import torch
import torchsde

OUT = pathlib.Path(__file__).parents[2] / "packages/core/src/diffusion/fixtures/noise.json"


def digest(tensor):
    return hashlib.sha256(tensor.numpy().tobytes()).hexdigest()[:32]


def draws(seed, sizes):
    """Successive draws of one generator: [what, n]."""
    generator = torch.Generator().manual_seed(seed)
    out = []
    for what, n in sizes:
        if what == "rand":
            values = torch.rand(n, generator=generator)
        else:
            dtype = torch.float64 if what == "randn64" else torch.float32
            values = torch.randn(n, generator=generator, dtype=dtype)
        out.append({"what": what, "n": n, "head": [float(v) for v in values[:4]], "tail": [float(v) for v in values[-2:]], "sha256": digest(values)})
    return out


def tree(seed, t0, t1, queries):
    tree = torchsde.BrownianTree(torch.tensor(t0), torch.zeros(20), torch.tensor(t1), entropy=seed)
    return [{"from": a, "to": b, "values": [float(v) for v in tree(torch.tensor(a), torch.tensor(b))]} for a, b in queries]


def main():
    seeds = [0, 1, 42, 2**32 - 1, 2**32 + 5, 2**63 + 11, 2**64 - 1]
    runs = [{"seed": str(seed), "draws": draws(seed, [("randn", 16384), ("randn", 5), ("randn", 1)])} for seed in seeds]
    sizes = [("randn", n) for n in (1, 2, 3, 7, 15, 16, 17, 31, 32, 33, 100)]
    mixed = [("randn", 3), ("randn", 20), ("randn", 2), ("randn64", 3), ("randn64", 37), ("randn64", 16), ("rand", 9), ("randn", 65536), ("randn64", 1)]
    runs += [{"seed": "7", "draws": draws(7, sizes)}, {"seed": "8", "draws": draws(8, mixed)}]
    spawned = []
    for entropy, key in ((0, ()), (7, (1, 2)), (12345678901, (0, 0)), (2**64 - 1, (2**20 + 3, 21))):
        words = numpy.random.SeedSequence(entropy=entropy, spawn_key=key, pool_size=24).generate_state(4)
        spawned.append({"entropy": str(entropy), "key": key, "words": [int(w) for w in words]})
    queries = [(1.0, 14.0), (0.5, 0.75), (3.25, 3.5), (0.1, 0.100001), (2.0, 9.123456), (0.0292, 14.6146)]
    record = {
        "torch": torch.__version__,
        "cpu": torch.backends.cpu.get_cpu_capability(),
        "generators": runs,
        "seedSequences": spawned,
        "trees": [{"seed": str(s), "start": 0.0292, "end": 14.6146, "queries": tree(s, 0.0292, 14.6146, queries)} for s in (0, 99, 12345678901)],
        # A device's own numbers, as published with A1111's webui (modules/rng_philox.py) and in torch's forum; no CUDA is needed here.
        "cuda": [
            {"seed": "0", "head": [-0.92466259, -0.42534415, -2.64384580, 0.14518388, -0.12086647, -0.57972564]},
        ],
    }
    OUT.write_text(json.dumps(record, indent=None, separators=(",", ":")).replace("},{", "},\n{") + "\n")
    print(OUT.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
