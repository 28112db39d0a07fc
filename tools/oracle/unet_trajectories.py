"""Writes the trajectories of diffusers' schedulers over the small random UNets of packages/backend-local/fixtures/pipelines.

    python tools/oracle/unet_trajectories.py

Unlike samplers.py's analytic networks these are networks as the package builds them. The start is torch.randn from the case's seed,
and a stochastic scheduler goes on with the same generator; the texts (unconditional, then conditional) are torch.randn from
TEXT_SEED. Latents are [1, 4, 8, 8], in float32 on the CPU. A second-order scheduler's half-way latents are left out. Output:
packages/backend-local/fixtures/trajectories/diffusers.{json,bin}; each case's `offset` counts float32 values.
"""

import json
import pathlib

import diffusers
import numpy as np
import torch
from diffusers import UNet2DConditionModel

FIXTURES = pathlib.Path(__file__).parents[2] / "packages/backend-local/fixtures"
SHAPE = (1, 4, 8, 8)
TEXT_SEED, TOKENS = 1, 8
STEPS = 6

SD = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
V = {**SD, "prediction_type": "v_prediction"}
ZERO_SNR = {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
FLOW = {"use_flow_sigmas": True, "flow_shift": 3.0, "prediction_type": "flow_prediction"}
CASES = []


def case(name, class_name, config, unet="sd1", guidance=1.0, **extra):
    config = {"_class_name": class_name, **config}
    CASES.append({"name": f"{class_name} {name}", "config": config, "unet": unet, "guidance": guidance, **extra})


def pair(class_name, config=None, **extra):
    """The usual two: epsilon with guidance, and v-prediction without."""
    case("epsilon, guidance 5", class_name, {**SD, **(config or {})}, guidance=5.0, **extra)
    case("v", class_name, {**V, **(config or {})}, unet="sd2", **extra)


random = {"generator": True}
pair("DDIMScheduler", {"clip_sample": False, "set_alpha_to_one": False, "steps_offset": 1})
case("eta 0.6", "DDIMScheduler", {**SD, "clip_sample": False}, step={"eta": 0.6}, **random)
case("v, zero SNR", "DDIMScheduler", {**V, **ZERO_SNR, "clip_sample": False}, unet="sd2", guidance=5.0)
pair("DDPMScheduler", {"clip_sample": False, "steps_offset": 1}, **random)
pair("DEISMultistepScheduler")
pair("DPMSolverMultistepScheduler")
case("karras", "DPMSolverMultistepScheduler", {**SD, "use_karras_sigmas": True}, guidance=5.0)
case("sde", "DPMSolverMultistepScheduler", {**SD, "algorithm_type": "sde-dpmsolver++"}, guidance=5.0, **random)
case("flow", "DPMSolverMultistepScheduler", FLOW)
pair("DPMSolverSDEScheduler", {"noise_sampler_seed": 7})
pair("DPMSolverSinglestepScheduler")
case("epsilon, guidance 5", "EDMDPMSolverMultistepScheduler", {}, guidance=5.0)
case("v", "EDMDPMSolverMultistepScheduler", {"prediction_type": "v_prediction"}, unet="sd2")
case("epsilon, guidance 5", "EDMEulerScheduler", {}, guidance=5.0)
case("v", "EDMEulerScheduler", {"prediction_type": "v_prediction"}, unet="sd2")
pair("EulerAncestralDiscreteScheduler", **random)
pair("EulerDiscreteScheduler", {"timestep_spacing": "leading", "steps_offset": 1})
case("karras", "EulerDiscreteScheduler", {**SD, "use_karras_sigmas": True}, guidance=5.0)
case("shift 3, guidance 5", "FlowMatchEulerDiscreteScheduler", {"shift": 3.0}, guidance=5.0)
case("stochastic", "FlowMatchEulerDiscreteScheduler", {"stochastic_sampling": True}, unet="sd2", **random)
case("shift 3, guidance 5", "FlowMatchHeunDiscreteScheduler", {"shift": 3.0}, guidance=5.0)
pair("HeunDiscreteScheduler")
case("guidance 5", "IPNDMScheduler", {}, guidance=5.0)
pair("KDPM2AncestralDiscreteScheduler", **random)
pair("KDPM2DiscreteScheduler")
case("epsilon", "LCMScheduler", {}, **random)
case("v", "LCMScheduler", {"prediction_type": "v_prediction"}, unet="sd2", **random)
pair("LMSDiscreteScheduler")
pair("PNDMScheduler", {"skip_prk_steps": True, "steps_offset": 1})
pair("SASolverScheduler", **random)
case("epsilon", "TCDScheduler", {}, **random)
case("v", "TCDScheduler", {"prediction_type": "v_prediction"}, unet="sd2", **random)
pair("UniPCMultistepScheduler")
case("flow", "UniPCMultistepScheduler", FLOW)
case("defaults", "CMStochasticIterativeScheduler", {}, **random)


def load(name):
    unet = UNet2DConditionModel.from_pretrained(FIXTURES / "pipelines" / name / "unet", torch_dtype=torch.float32).eval()
    generator = torch.Generator().manual_seed(TEXT_SEED)
    return unet, torch.randn((2, TOKENS, unet.config.cross_attention_dim), generator=generator)


def guided(unet, texts, x, t, guidance):
    if guidance == 1:
        return unet(x, t, encoder_hidden_states=texts[1:]).sample
    uncond, cond = unet(torch.cat([x, x]), t, encoder_hidden_states=texts).sample.chunk(2)
    return uncond + guidance * (cond - uncond)


@torch.no_grad()
def run(case, seed, unet, texts):
    config = dict(case["config"])
    scheduler = getattr(diffusers, config.pop("_class_name"))(**config)
    generator = torch.Generator().manual_seed(seed)
    scheduler.set_timesteps(STEPS)
    x = torch.randn(SHAPE, generator=generator) * getattr(scheduler, "init_noise_sigma", 1.0)
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(0)
    options = {**case.get("step", {}), **({"generator": generator} if case.get("generator") else {})}
    states = []
    for t in scheduler.timesteps:
        scaled = scheduler.scale_model_input(x, t) if hasattr(scheduler, "scale_model_input") else x
        x = scheduler.step(guided(unet, texts, scaled, t, case["guidance"]), t, x, return_dict=False, **options)[0]
        assert x.dtype == torch.float32 and x.isfinite().all(), case
        states.append(x.flatten())
    # A step of a second-order scheduler ends with its second call; the last step may have but one.
    order = scheduler.order
    ends = [min(first + order, len(states)) - 1 for first in range(0, len(states), order)]
    return torch.stack([states[end] for end in ends]).numpy()


def main():
    out = FIXTURES / "trajectories"
    out.mkdir(exist_ok=True)
    unets = {name: load(name) for name in ("sd1", "sd2")}
    records, chunks, offset = [], [], 0
    for seed, case in enumerate(CASES):
        states = run(case, seed, *unets[case["unet"]])
        records.append({**case, "seed": seed, "offset": offset, "states": len(states)})
        chunks.append(states.flatten())
        offset += states.size
    data = np.concatenate(chunks).astype("<f4")
    (out / "diffusers.bin").write_bytes(data.tobytes())
    header = {
        "diffusers": diffusers.__version__, "torch": torch.__version__, "shape": SHAPE, "steps": STEPS,
        "textSeed": TEXT_SEED, "tokens": TOKENS, "cases": [],
    }  # fmt: skip
    lines = ",\n".join(json.dumps(record) for record in records)
    (out / "diffusers.json").write_text(json.dumps(header)[:-2] + "\n" + lines + "\n]}\n")
    print(len(records), "cases", data.nbytes, "bytes")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
