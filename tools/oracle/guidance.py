"""Writes what diffusers' guiders make of fixed outputs, for the tests of packages/core/src/diffusion/guidance.

    python tools/oracle/guidance.py

Output: fixtures/guidance.json.
"""

import json
import pathlib

import diffusers
import torch
from diffusers.guiders import (
    AdaptiveProjectedGuidance,
    ClassifierFreeGuidance,
    ClassifierFreeZeroStarGuidance,
    PerturbedAttentionGuidance,
)

diffusers.utils.logging.set_verbosity_error()
OUT = pathlib.Path(__file__).parents[2] / "packages/core/src/diffusion/fixtures/guidance.json"
STEPS = 6
CASES = [
    (ClassifierFreeGuidance, {"guidance_scale": 7.5}, {"scale": 7.5}),
    (ClassifierFreeGuidance, {"guidance_scale": 5.0, "guidance_rescale": 0.7}, {"scale": 5, "rescale": 0.7}),
    (ClassifierFreeGuidance, {"guidance_scale": 6.0, "start": 0.2, "stop": 0.7}, {"scale": 6, "start": 0.2, "end": 0.7}),
    (ClassifierFreeZeroStarGuidance, {"guidance_scale": 5.0, "zero_init_steps": 2}, {"mode": "cfg-zero-star", "scale": 5, "zeroInitSteps": 2}),
    (AdaptiveProjectedGuidance, {"guidance_scale": 9.0, "eta": 0.0, "adaptive_projected_guidance_rescale": 2.0, "adaptive_projected_guidance_momentum": -0.5}, {"mode": "apg", "scale": 9, "apgEta": 0, "apgNormThreshold": 2, "apgMomentum": -0.5}),
    (AdaptiveProjectedGuidance, {"guidance_scale": 4.0, "eta": 0.6}, {"mode": "apg", "scale": 4, "apgEta": 0.6}),
    (PerturbedAttentionGuidance, {"guidance_scale": 4.0, "perturbed_guidance_scale": 2.0, "perturbed_guidance_layers": [0], "perturbed_guidance_start": 0.0, "perturbed_guidance_stop": 1.0}, {"scale": 4, "pagScale": 2}),
]


def main():
    torch.manual_seed(0)
    outputs = [[torch.randn(1, 2, 3, 4) for _ in range(3)] for _ in range(STEPS)]
    record = {"outputs": [[[float(v) for v in o.flatten()] for o in step] for step in outputs], "cases": []}
    for kind, options, ours in CASES:
        guider = kind(**options)
        results = []
        for step, (cond, uncond, perturbed) in enumerate(outputs):
            # The perturbed guider leaves out the step it starts at; here all are wanted.
            later = 1 if isinstance(guider, PerturbedAttentionGuidance) else 0
            guider.set_state(step=step + later, num_inference_steps=STEPS + 2 * later, timestep=torch.tensor(0))
            if isinstance(guider, AdaptiveProjectedGuidance) and step == 0:
                guider.prepare_inputs({})
            passes = [cond] if guider.num_conditions == 1 else [cond, uncond]
            if isinstance(guider, PerturbedAttentionGuidance):
                passes.append(perturbed)
            results.append([float(v) for v in guider.forward(*passes).pred.flatten()])
        record["cases"].append({"name": kind.__name__, "settings": ours, "results": results})
    OUT.write_text(json.dumps(record, separators=(",", ":")) + "\n")
    print(OUT.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
