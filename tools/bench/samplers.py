"""diffusers' side of tools/bench/samplers.ts: microseconds a step of each scheduler, and millions of normals a second of torch."""

import json
import sys
import time

import diffusers
import torch

diffusers.utils.logging.set_verbosity_error()
CASES, STEPS, REPEATS, SHAPE = json.loads(sys.argv[1])
THREADS = torch.get_num_threads()


def step_time(config):
    config = dict(config)
    scheduler = getattr(diffusers, config.pop("_class_name"))(**config)
    output = torch.randn(SHAPE)
    times = []
    for _ in range(REPEATS):
        scheduler.set_timesteps(STEPS)
        x = torch.randn(SHAPE)
        start = time.perf_counter()
        for t in scheduler.timesteps:
            scheduler.scale_model_input(x, t)
            x = scheduler.step(output, t, x, return_dict=False)[0]
        times.append((time.perf_counter() - start) / STEPS)
    return min(times) * 1e6


def one_thread():
    torch.set_num_threads(1)
    return {name: step_time(config) for name, config in CASES.items()}


def normals(n):
    times = []
    for seed in range(REPEATS):
        generator = torch.Generator().manual_seed(seed)
        start = time.perf_counter()
        torch.randn(n, generator=generator)
        times.append(time.perf_counter() - start)
    return n / min(times) / 1e6


print(
    json.dumps(
        {
            "diffusers": diffusers.__version__,
            "torch": torch.__version__,
            "threads": THREADS,
            "steps": {name: step_time(config) for name, config in CASES.items()},
            "normals": normals(1 << 20),
            "oneThread": one_thread(),
        }
    )
)
