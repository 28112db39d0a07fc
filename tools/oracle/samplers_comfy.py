"""Writes the trajectories of ComfyUI's samplers and the sigmas of its schedulers, for the tests of packages/core/src/diffusion.

    COMFYUI=/path/to/ComfyUI python tools/oracle/samplers_comfy.py    (0.18 or later)

ComfyUI is loaded from its own checkout (nothing of it is kept here); only what its samplers need, the rest is stubbed. Every call of the
model is recorded: its noise level and the latent. Latents are [1, 2, 4, 4], float32. Output: fixtures/comfy.{json,bin}.
"""

import ast
import inspect
import json
import math
import os
import pathlib
import sys
import types

import numpy
import scipy.stats
import torch

COMFY = pathlib.Path(os.environ["COMFYUI"])
OUT = pathlib.Path(__file__).parents[2] / "packages/core/src/diffusion/fixtures"
SHAPE = (1, 2, 4, 4)


def stub(name, **members):
    module = types.ModuleType(name)
    module.__dict__.update(members)
    sys.modules[name] = module
    return module


def set_post_cfg(model_options, function, disable_cfg1_optimization=False):
    return {**model_options, "post": function}


class CONST:
    def noise_scaling(self, sigma, noise, latent, max_denoise=False):
        return sigma * noise + (1.0 - sigma) * latent

    def percent_to_sigma(self, percent):
        return 1.0 - percent


class EPS:
    def noise_scaling(self, sigma, noise, latent, max_denoise=False):
        return latent + noise * sigma


def load_comfy():
    sys.path.insert(0, str(COMFY))
    comfy = stub("comfy")
    comfy.__path__ = [str(COMFY / "comfy")]
    comfy.model_patcher = stub("comfy.model_patcher", set_model_options_post_cfg_function=set_post_cfg)
    comfy.model_sampling = stub("comfy.model_sampling", CONST=CONST)
    comfy.utils = stub("comfy.utils", model_trange=lambda n, **_: range(n))
    comfy.memory_management = stub("comfy.memory_management")
    import comfy.k_diffusion.sampling as sampling

    return sampling


def functions_of(path, names):
    """Runs only the named functions of a file, whose other imports aren't here."""
    tree = ast.parse(path.read_text())
    tree.body = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name in names]
    space = {"torch": torch, "math": math, "numpy": numpy, "np": numpy, "scipy": scipy}
    exec(compile(tree, str(path), "exec"), space)
    return space


def denoise(x, sigma):
    y = x / math.sqrt(1 + sigma**2)
    flat = y.flatten()
    mixed = flat + 0.5 * flat.roll(-1) - 0.3 * flat.roll(1) + 0.1 * math.log(sigma)
    return (0.7 * torch.tanh(mixed) + 0.3 * flat / (1 + sigma**2)).reshape(x.shape)


class Model:
    """What ComfyUI's samplers ask of a model, recording each call. The unconditional estimate is 0.9 of the guided one."""

    def __init__(self, model_sampling):
        self.calls = []
        patcher = types.SimpleNamespace(get_model_object=lambda name: model_sampling)
        inner = types.SimpleNamespace(model_sampling=model_sampling)
        self.inner_model = types.SimpleNamespace(inner_model=inner, model_patcher=patcher)

    def __call__(self, x, sigma, seed=None, model_options=None):
        level = float(sigma.flatten()[0])
        self.calls.append((level, x.clone()))
        denoised = denoise(x, level)
        post = (model_options or {}).get("post")
        return post({"denoised": denoised, "uncond_denoised": 0.9 * denoised}) if post else denoised


def karras(n):
    ramp = torch.linspace(0, 1, n)
    low, high = 0.0292 ** (1 / 7), 14.6146 ** (1 / 7)
    return torch.cat([(high + ramp * (low - high)) ** 7, torch.zeros(1)])


SIGMAS = {
    "ve": karras(8),
    "ve without zero": karras(8)[:-1],
    "flow": torch.tensor([1.0, 0.95, 0.89, 0.81, 0.72, 0.6, 0.45, 0.25, 0.0]),
}
BOTH = ("ve", "flow")
# name, spaces, options; a tree means noise from a Brownian tree of that seed.
CASES = [
    ("euler", BOTH, {}),
    ("euler", ("ve",), {"s_churn": 3.0, "s_tmin": 0.1, "s_tmax": 9.0, "s_noise": 1.01}),
    ("heun", BOTH, {}),
    ("heun", ("ve",), {"s_churn": 3.0, "s_noise": 1.01}),
    ("dpm_2", BOTH, {}),
    ("dpm_2", ("ve",), {"s_churn": 4.0}),
    ("lms", ("ve", "ve without zero", "flow"), {}),
    ("euler_ancestral", BOTH, {}),
    ("euler_ancestral", BOTH, {"eta": 0.5, "s_noise": 1.03}),
    ("dpm_2_ancestral", BOTH, {}),
    ("dpm_2_ancestral", BOTH, {"eta": 0.6}),
    ("dpmpp_2s_ancestral", BOTH, {}),
    ("dpmpp_2s_ancestral", BOTH, {"eta": 0.4}),
    ("dpmpp_sde", BOTH, {}),
    ("dpmpp_sde", ("ve",), {"eta": 0.5, "r": 0.4}),
    ("dpmpp_2m", ("ve", "ve without zero"), {}),
    ("dpmpp_2m_sde", BOTH, {}),
    ("dpmpp_2m_sde", ("ve",), {"eta": 0.3, "solver_type": "heun"}),
    ("dpmpp_3m_sde", BOTH, {}),
    ("dpmpp_3m_sde", ("ve",), {"eta": 0.0}),
    ("ddpm", ("ve",), {}),
    ("lcm", BOTH, {}),
    ("heunpp2", BOTH, {}),
    ("ipndm", BOTH, {}),
    ("ipndm", ("ve",), {"max_order": 2}),
    ("ipndm_v", BOTH, {}),
    ("res_multistep", BOTH, {}),
    ("res_multistep_ancestral", ("ve",), {}),
    ("gradient_estimation", BOTH, {}),
    ("er_sde", BOTH, {}),
    ("er_sde", ("ve",), {"max_stage": 2, "s_noise": 0.9}),
    ("seeds_2", BOTH, {}),
    ("seeds_2", ("ve",), {"eta": 0.5, "r": 0.4}),
    ("seeds_2", BOTH, {"solver_type": "phi_2", "r": 0.7}),
    ("seeds_3", BOTH, {}),
    ("exp_heun_2_x0", BOTH, {}),
    ("exp_heun_2_x0", ("ve",), {"solver_type": "phi_1"}),
    ("exp_heun_2_x0_sde", BOTH, {}),
    ("exp_heun_2_x0_sde", BOTH, {"eta": 0.4, "s_noise": 0.9}),
    ("euler_cfg_pp", BOTH, {}),
    ("euler_ancestral_cfg_pp", BOTH, {}),
    ("dpmpp_2m_cfg_pp", ("ve",), {}),
    ("res_multistep_cfg_pp", BOTH, {}),
    ("res_multistep_ancestral_cfg_pp", ("ve",), {}),
    ("gradient_estimation_cfg_pp", BOTH, {}),
    ("dpmpp_sde", ("ve",), {"tree": 7}),
    ("dpmpp_2m_sde", ("ve",), {"tree": 12345678901}),
    ("dpmpp_3m_sde", ("flow",), {"tree": 0}),
]


def run(sampling, name, space, options):
    options = dict(options)
    function = getattr(sampling, f"sample_{name}")
    torch.manual_seed(3)
    x = torch.randn(SHAPE) * SIGMAS[space][0]
    model = Model(CONST() if space == "flow" else EPS())
    extra = {}
    if "tree" in options:
        extra = {"seed": options.pop("tree")}
    elif "noise_sampler" in inspect.signature(function).parameters:
        options["noise_sampler"] = lambda sigma, sigma_next: torch.randn(SHAPE)
    result = function(model, x, SIGMAS[space].clone(), extra_args=extra, disable=True, **options)
    return model.calls, result


def schedules():
    file = COMFY / "comfy/samplers.py"
    names = ["simple_scheduler", "ddim_scheduler", "normal_scheduler", "beta_scheduler", "kl_optimal_scheduler", "linear_quadratic_schedule"]
    f = functions_of(file, names)
    sampling = sys.modules["comfy.k_diffusion.sampling"]
    ays = functions_of(COMFY / "comfy_extras/nodes_align_your_steps.py", ["loglinear_interp"])["loglinear_interp"]
    classes = ast.parse((COMFY / "comfy_extras/nodes_align_your_steps.py").read_text())
    levels = next(ast.literal_eval(n.value) for n in classes.body if isinstance(n, ast.Assign) and n.targets[0].id == "NOISE_LEVELS")
    discrete, flow = Discrete(), Flow(3.0)
    makers = {
        "normal": lambda s, n: f["normal_scheduler"](s, n),
        "sgm_uniform": lambda s, n: f["normal_scheduler"](s, n, sgm=True),
        "karras": lambda s, n: sampling.get_sigmas_karras(n, float(s.sigma_min), float(s.sigma_max)),
        "exponential": lambda s, n: sampling.get_sigmas_exponential(n, float(s.sigma_min), float(s.sigma_max)),
        "simple": lambda s, n: f["simple_scheduler"](s, n),
        "ddim_uniform": lambda s, n: f["ddim_scheduler"](s, n),
        "beta": lambda s, n: f["beta_scheduler"](s, n),
        "linear_quadratic": lambda s, n: f["linear_quadratic_schedule"](s, n),
        "kl_optimal": lambda s, n: f["kl_optimal_scheduler"](n, float(s.sigma_min), float(s.sigma_max)),
    }
    out = []
    for model, schedule in (("SD", discrete), ("flow", flow)):
        for name, maker in makers.items():
            for n in (1, 2, 7, 20, 300):
                if name == "kl_optimal" and n == 1:
                    continue  # 0/0 there
                out.append({"model": model, "name": name, "n": n, "sigmas": [float(v) for v in maker(schedule, n)]})
    for kind in ("SD1", "SDXL", "SVD"):
        for n in (5, 10, 20):
            sigmas = list(levels[kind])
            if n + 1 != len(sigmas):
                sigmas = list(ays(sigmas, n + 1))
            sigmas[-1] = 0
            out.append({"model": kind, "name": "align_your_steps", "n": n, "sigmas": [float(v) for v in sigmas]})
    return out


class Discrete:
    """Stable Diffusion's schedule, as ComfyUI's ModelSamplingDiscrete states it."""

    def __init__(self):
        betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float32) ** 2
        bars = torch.cumprod(1 - betas, dim=0)
        self.sigmas = ((1 - bars) / bars) ** 0.5
        self.log_sigmas = self.sigmas.log()
        self.sigma_min, self.sigma_max = self.sigmas[0], self.sigmas[-1]

    def timestep(self, sigma):
        return (sigma.log() - self.log_sigmas).abs().argmin()

    def sigma(self, t):
        t = t.float().clamp(0, 999)
        w = t.frac()
        return ((1 - w) * self.log_sigmas[t.floor().long()] + w * self.log_sigmas[t.ceil().long()]).exp()


class Flow:
    """A flow-matching model's, as ComfyUI's ModelSamplingDiscreteFlow states it."""

    def __init__(self, shift):
        self.shift = shift
        self.sigmas = self.sigma(torch.arange(1, 1001) / 1000 * 1000)
        self.sigma_min, self.sigma_max = self.sigmas[0], self.sigmas[-1]

    def timestep(self, sigma):
        return sigma * 1000

    def sigma(self, t):
        t = t / 1000
        return self.shift * t / (1 + (self.shift - 1) * t)


def main():
    sampling = load_comfy()
    records, chunks, offset = [], [], 0
    for name, spaces, options in CASES:
        for space in spaces:
            calls, result = run(sampling, name, space, options)
            states = torch.stack([x for _, x in calls] + [result]).flatten().numpy()
            assert numpy.isfinite(states).all(), (name, space)
            records.append(
                {
                    "name": name,
                    "space": space.split()[0],
                    "options": options,
                    "sigmas": [float(s) for s in SIGMAS[space]],
                    "levels": [level for level, _ in calls],
                    "offset": offset,
                }
            )
            offset += states.size
            chunks.append(states)
    data = numpy.concatenate(chunks).astype("<f4")
    (OUT / "comfy.bin").write_bytes(data.tobytes())
    lines = ",\n".join(json.dumps(record) for record in records)
    plans = ",\n".join(json.dumps(record) for record in schedules())
    (OUT / "comfy.json").write_text('{"samplers": [\n' + lines + '\n],\n"schedulers": [\n' + plans + "\n]}\n")
    print(len(records), "cases", data.nbytes, "bytes")


if __name__ == "__main__":
    main()
