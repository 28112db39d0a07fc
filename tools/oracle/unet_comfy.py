"""Writes the trajectories of ComfyUI's samplers over the small random UNet of packages/backend-local/fixtures/pipelines/sd1.

    COMFYUI=/path/to/ComfyUI python tools/oracle/unet_comfy.py    (0.18 or later)

As unet_trajectories.py, for the samplers that diffusers has not. ComfyUI's functions are those of its own checkout (see samplers_comfy.py);
the model is classifier-free guidance over the UNet, told the nearest training timestep. The start is torch.randn times the first level, from
the case's seed, and noise goes on with the same generator. Every call's latent is recorded, and the result. Output:
packages/backend-local/fixtures/trajectories/comfy.{json,bin}; each case's `offset` counts float32 values.
"""

import inspect
import json

import numpy as np
import torch
from samplers_comfy import EPS, Discrete, load_comfy
from unet_trajectories import FIXTURES, SHAPE, TEXT_SEED, TOKENS, load

STEPS = 5
SAMPLERS = [
    "heunpp2", "exp_heun_2_x0", "exp_heun_2_x0_sde", "dpmpp_2s_ancestral", "dpmpp_sde", "dpmpp_2m_sde", "dpmpp_3m_sde", "ipndm",
    "ipndm_v", "res_multistep", "res_multistep_ancestral", "gradient_estimation", "er_sde", "seeds_2", "seeds_3", "euler_cfg_pp",
    "euler_ancestral_cfg_pp", "dpmpp_2m_cfg_pp", "res_multistep_cfg_pp", "res_multistep_ancestral_cfg_pp",
    "gradient_estimation_cfg_pp",
]  # fmt: skip


class Guided:
    """The UNet as ComfyUI's samplers see a model: from a latent and its level to x0, recording each call."""

    def __init__(self, unet, texts, scale):
        from types import SimpleNamespace as Space

        self.unet, self.texts, self.scale = unet, texts, scale
        self.schedule, self.calls = Discrete(), []
        sampling = EPS()
        patcher = Space(get_model_object=lambda name: sampling)
        self.inner_model = Space(inner_model=Space(model_sampling=sampling), model_patcher=patcher)

    def __call__(self, x, sigma, seed=None, model_options=None):
        self.calls.append(x.clone())
        level = sigma.flatten()[0].float()
        scaled = x / (level**2 + 1) ** 0.5
        t = self.schedule.timestep(level)
        noise = self.unet(torch.cat([scaled, scaled]), t, encoder_hidden_states=self.texts).sample
        uncond, cond = (x - noise * level).chunk(2)
        denoised = uncond + self.scale * (cond - uncond)
        post = (model_options or {}).get("post")
        return post({"denoised": denoised, "uncond_denoised": uncond}) if post else denoised


@torch.no_grad()
def main():
    sampling = load_comfy()
    unet, texts = load("sd1")
    schedule = Discrete()
    sigmas = sampling.get_sigmas_karras(STEPS, float(schedule.sigma_min), float(schedule.sigma_max))
    records, chunks, offset = [], [], 0
    for seed, name in enumerate(SAMPLERS):
        function = getattr(sampling, f"sample_{name}")
        torch.manual_seed(seed)
        x = torch.randn(SHAPE) * sigmas[0]
        model = Guided(unet, texts, 0.6 if name.endswith("cfg_pp") else 5.0)
        takes_noise = "noise_sampler" in inspect.signature(function).parameters
        options = {"noise_sampler": lambda *_: torch.randn(SHAPE)} if takes_noise else {}
        result = function(model, x, sigmas.clone(), extra_args={}, disable=True, **options)
        states = torch.stack([*model.calls, result]).numpy()
        assert np.isfinite(states).all(), name
        records.append({"name": name, "guidance": model.scale, "seed": seed, "offset": offset, "calls": len(model.calls)})
        offset += states.size
        chunks.append(states.flatten())
    data = np.concatenate(chunks).astype("<f4")
    out = FIXTURES / "trajectories"
    (out / "comfy.bin").write_bytes(data.tobytes())
    header = {"shape": SHAPE, "steps": STEPS, "textSeed": TEXT_SEED, "tokens": TOKENS, "cases": []}
    lines = ",\n".join(json.dumps(record) for record in records)
    (out / "comfy.json").write_text(json.dumps(header)[:-2] + "\n" + lines + "\n]}\n")
    print(len(records), "cases", data.nbytes, "bytes")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
