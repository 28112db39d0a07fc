"""Writes the trajectories of diffusers' schedulers, for the tests of packages/core/src/diffusion.

    python tools/oracle/samplers.py

Each case runs one scheduler over a small analytic network (below; the tests have the same two) and records what set_timesteps laid
out and the latent after every call of step. Latents are [1, 2, 4, 4], float32. Output: fixtures/diffusers.{json,bin}.
"""

import contextlib
import json
import pathlib
import warnings

import diffusers
import numpy as np
import torch

from rounded_math import rounded_math
from samplers_cases import CASES

warnings.filterwarnings("ignore")
diffusers.utils.logging.set_verbosity_error()

OUT = pathlib.Path(__file__).parents[2] / "packages/core/src/diffusion/fixtures"
SHAPE = (1, 2, 4, 4)


def linear(x, t):
    return (0.3 + 0.6 * t / 1000) * x + 0.1 * t / 1000


def mlp(x, t):
    flat = x.flatten()
    mixed = flat + 0.5 * flat.roll(-1) - 0.3 * flat.roll(1) + t / 1000
    return (0.5 * torch.tanh(mixed) + 0.4 * flat).reshape(x.shape)


NETWORKS = {"linear": linear, "mlp": mlp}


def run(case):
    config = dict(case["config"])
    scheduler = getattr(diffusers, config.pop("_class_name"))(**config)
    network = NETWORKS[case["network"]]
    generator = torch.Generator().manual_seed(case["seed"])
    noise = torch.randn(SHAPE, generator=generator)
    steps = {} if case["steps"] is None else {"num_inference_steps": case["steps"]}
    scheduler.set_timesteps(**steps, **case.get("set_timesteps", {}))
    timesteps = scheduler.timesteps
    sigma = getattr(scheduler, "init_noise_sigma", 1.0)
    begin = 0
    if hasattr(scheduler, "set_begin_index"):
        # Else a scheduler starts at the second of two equal timesteps, and runs out of them.
        scheduler.set_begin_index(0)
    if "strength" in case:
        order = scheduler.order
        kept = min(case["steps"] * case["strength"], case["steps"])
        # The flow-matching pipelines round what is left out, the others what is kept.
        left_out = int(case["steps"] - kept) if "FlowMatch" in case["name"] else case["steps"] - int(kept)
        begin = max(left_out, 0) * order
        timesteps = timesteps[begin:]
        if hasattr(scheduler, "set_begin_index"):
            scheduler.set_begin_index(begin)
        latent = torch.linspace(-1, 1, 32).reshape(SHAPE)
        add = scheduler.scale_noise if hasattr(scheduler, "scale_noise") else None
        x = add(latent, timesteps[:1], noise) if add else scheduler.add_noise(latent, noise, timesteps[:1])
    else:
        x = noise * sigma
    states = [x]
    extra = dict(case.get("step", {}))
    if case.get("generator", False):
        extra["generator"] = generator
    for t in timesteps:
        scaled = scheduler.scale_model_input(x, t) if hasattr(scheduler, "scale_model_input") else x
        output = network(scaled, float(t))
        x = scheduler.step(output, t, x, return_dict=False, **extra)[0]
        states.append(x)
    sigmas = getattr(scheduler, "sigmas", None)
    return {
        **case,
        "initNoiseSigma": float(sigma),
        "timesteps": [round(float(t), 6) for t in scheduler.timesteps],
        "sigmas": None if sigmas is None else [float(s) for s in sigmas],
        "order": scheduler.order,
    }, torch.stack(states).reshape(len(states), -1).float().numpy()


def main():
    OUT.mkdir(exist_ok=True)
    records, chunks, offset = [], [], 0
    for case in CASES:
        try:
            # A Brownian tree would make 1e-3 of the last bits of MKL's logarithms.
            has_tree = case["config"]["_class_name"] == "DPMSolverSDEScheduler"
            with rounded_math() if has_tree else contextlib.nullcontext():
                record, states = run(case)
        except Exception as error:
            raise RuntimeError(case) from error
        assert np.isfinite(states).all(), case
        record["offset"], record["states"] = offset, len(states)
        offset += states.size
        records.append(record)
        chunks.append(states.flatten())
    data = np.concatenate(chunks).astype("<f4")
    (OUT / "diffusers.bin").write_bytes(data.tobytes())
    header = {"diffusers": diffusers.__version__, "torch": torch.__version__, "shape": SHAPE, "cases": records}
    lines = ",\n".join(json.dumps(record) for record in records)
    header["cases"] = []
    (OUT / "diffusers.json").write_text(json.dumps(header)[:-2] + "\n" + lines + "\n]}\n")
    print(len(records), "cases", data.nbytes, "bytes")


if __name__ == "__main__":
    main()
