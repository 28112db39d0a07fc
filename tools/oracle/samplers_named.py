"""Writes the trajectories of samplers, and the levels of schedulers, that go by a name of their own in k-diffusion, ComfyUI, A1111 and
Forge, for the tests of packages/core/src/diffusion.

    COMFYUI=/path/to/ComfyUI A1111=/path/to/stable-diffusion-webui python tools/oracle/samplers_named.py

Both are loaded from their own checkouts (nothing of them is kept here). The model and the records are samplers_comfy.py's. Output:
fixtures/named.{json,bin}.
"""

import ast
import importlib
import importlib.util
import json
import os
import pathlib
import sys
import types

import numpy
import torch
import tqdm

import samplers_comfy as base

PACKAGE = importlib.util.find_spec("k_diffusion")
A1111 = pathlib.Path(os.environ["A1111"])
# The package as a whole wants more than its samplers do.
base.stub("torchdiffeq", odeint=None)
base.stub("k_diffusion").__path__ = list(PACKAGE.submodule_search_locations)
base.stub("k_diffusion.utils", append_dims=lambda x, n: x[(...,) + (None,) * (n - x.ndim)])
import k_diffusion.sampling as k_diffusion  # noqa: E402


class Eps(base.EPS):
    """Stable Diffusion's levels, which SA-Solver's range of noise is taken from."""

    def percent_to_sigma(self, percent):
        return float(base.Discrete().sigma(torch.tensor((1 - percent) * 999.0)))


def karras(n):
    return torch.cat([base.SIGMAS["ve"][:1], k_diffusion.get_sigmas_karras(n, 0.0292, 14.6146)[1:]])


SIGMAS = {**base.SIGMAS, "ve 3": karras(3), "ve 2": karras(2), "ve 24": karras(24), "ve 40": karras(40)}
BOTH = ("ve", "flow")
# name, spaces, options, and how ours is asked for it.
CASES = [
    ("dpm_fast", ("ve", "ve 3", "ve 2", "ve 24", "ve without zero"), {}),
    ("dpm_fast", ("ve",), {"eta": 0.7, "s_noise": 1.02}),
    ("dpm_adaptive", ("ve", "ve without zero"), {}),
    ("dpm_adaptive", ("ve",), {"order": 2}),
    ("dpm_adaptive", ("ve",), {"rtol": 0.01, "atol": 0.001, "h_init": 0.1, "pcoeff": 0.2, "icoeff": 0.7, "dcoeff": 0.1}),
    ("dpm_adaptive", ("ve",), {"eta": 0.5}),
    ("dpmpp_2s_ancestral_cfg_pp", BOTH, {}),
    ("dpmpp_2s_ancestral_cfg_pp", ("ve",), {"eta": 0.4}),
    ("dpmpp_2m_cfg_pp", ("flow",), {}),
    ("dpmpp_2m", ("flow",), {}),
    ("deis", BOTH, {}),
    ("deis", ("ve",), {"max_order": 2}),
    ("uni_pc", ("ve", "ve 3", "ve without zero", "flow"), {}),
    ("uni_pc_bh2", BOTH, {}),
    ("sa_solver", ("ve", "ve without zero", "flow"), {}),
    ("sa_solver_pece", ("ve", "ve without zero", "flow"), {}),
    ("sa_solver_pece", ("ve",), {"predictor_order": 2, "corrector_order": 3, "s_noise": 0.9}),
    ("restart", ("ve", "ve 24", "ve 40"), {}),
]


def restart():
    space = base.functions_of(A1111 / "modules/sd_samplers_extra.py", ["restart_sampler"])
    space |= {"tqdm": tqdm, "k_diffusion": sys.modules["k_diffusion"]}
    sys.modules["k_diffusion"].sampling = k_diffusion
    return space["restart_sampler"]


def function_of(sampling, name):
    if name == "restart":
        return restart()
    if name.startswith("uni_pc"):
        unipc = importlib.import_module("comfy.extra_samplers.uni_pc")
        return unipc.sample_unipc_bh2 if name.endswith("bh2") else unipc.sample_unipc
    if name in ("dpm_fast", "dpm_adaptive"):
        # As ComfyUI's KSampler calls them: between the first level and the lowest above 0.
        def between(model, x, sigmas, **rest):
            low = sigmas[-1] if sigmas[-1] > 0 else sigmas[-2]
            steps = {"n": len(sigmas) - 1} if name == "dpm_fast" else {}
            return getattr(k_diffusion, f"sample_{name}")(model, x, float(low), float(sigmas[0]), **steps, **rest)

        return between
    return getattr(sampling, f"sample_{name}")


def run(sampling, name, space, options):
    torch.manual_seed(3)
    x = torch.randn(base.SHAPE) * SIGMAS[space][0]
    process = Flow() if space == "flow" else Eps()
    model = base.Model(process)
    extra = {}
    if not name.startswith(("uni_pc", "deis", "dpmpp_2m", "restart")):
        extra = {"noise_sampler": lambda sigma, sigma_next: torch.randn(base.SHAPE)}
    # dpm_fast draws where nothing is added too.
    if name.startswith("dpm_") and not options.get("eta"):
        extra = {"noise_sampler": lambda sigma, sigma_next: torch.zeros(base.SHAPE)}
    result = function_of(sampling, name)(model, x, SIGMAS[space].clone(), extra_args={}, disable=True, **extra, **options)
    return model.calls, result, [process.percent_to_sigma(0.2), process.percent_to_sigma(0.8)]


class Flow(base.CONST):
    pass


def layouts():
    """What KSampler hands to each sampler, and the schedulers that KSampler has none of."""
    samplers = ast.parse((base.COMFY / "comfy/samplers.py").read_text())
    node = next(n for n in samplers.body if isinstance(n, ast.ClassDef) and n.name == "KSampler")
    discrete = base.Discrete()
    makers = {
        "karras": lambda n: k_diffusion.get_sigmas_karras(n, float(discrete.sigma_min), float(discrete.sigma_max)),
        "normal": lambda n: base.functions_of(base.COMFY / "comfy/samplers.py", ["normal_scheduler"])["normal_scheduler"](discrete, n),
    }
    space = {"SCHEDULER_NAMES": list(makers), "SAMPLER_NAMES": [], "torch": torch}
    space["calculate_sigmas"] = lambda _, scheduler, steps: makers[scheduler](steps)
    exec(compile(ast.Module([node], []), "samplers.py", "exec"), space)
    out = []
    for sampler in ("dpm_2", "dpm_2_ancestral", "uni_pc", "uni_pc_bh2", "euler", "dpmpp_3m_sde"):
        for scheduler in makers:
            for n in (1, 5, 20):
                k = object.__new__(space["KSampler"])
                k.sampler, k.scheduler = sampler, scheduler
                k.model = types.SimpleNamespace(get_model_object=lambda name: None)
                out.append({"sampler": sampler, "scheduler": scheduler, "n": n, "sigmas": k.calculate_sigmas(n).tolist()})
    return out


def schedulers():
    low, high = float(base.Discrete().sigma_min), float(base.Discrete().sigma_max)
    out = []
    for n in (1, 2, 7, 20):
        for rho in (1.0, 0.6):
            sigmas = k_diffusion.get_sigmas_polyexponential(n, low, high, rho).tolist()
            out.append({"name": "polyexponential", "n": n, "options": {"rho": rho}, "sigmas": sigmas})
        # Forge's Turbo.
        steps = torch.flip(torch.arange(1, n + 1) * float(1000.0 / n) - 1, (0,)).round().long().clip(0, 999)
        out.append({"name": "turbo", "n": n, "options": {}, "sigmas": base.Discrete().sigmas[steps].tolist() + [0.0]})
        f = base.functions_of(base.COMFY / "comfy/samplers.py", ["beta_scheduler", "linear_quadratic_schedule"])
        for options in ({"alpha": 0.5, "beta": 0.7}, {"alpha": 2.0, "beta": 1.3}):
            out.append({"name": "beta", "n": n, "options": options, "sigmas": f["beta_scheduler"](base.Discrete(), n, **options).tolist()})
        for threshold in (0.1, 0.01):
            sigmas = f["linear_quadratic_schedule"](base.Discrete(), n, threshold_noise=threshold).tolist()
            out.append({"name": "linear_quadratic", "n": n, "options": {"threshold": threshold}, "sigmas": sigmas})
    gits = ast.parse((base.COMFY / "comfy_extras/nodes_gits.py").read_text())
    levels = next(ast.literal_eval(n.value) for n in gits.body if isinstance(n, ast.Assign) and n.targets[0].id == "NOISE_LEVELS")
    interp = base.functions_of(base.COMFY / "comfy_extras/nodes_gits.py", ["loglinear_interp"])["loglinear_interp"]
    for n in (2, 7, 20, 30):
        sigmas = list(levels[1.2][n - 2] if n <= 20 else interp(levels[1.2][-1], n + 1))
        out.append({"name": "gits", "n": n, "options": {}, "sigmas": [float(s) for s in sigmas[:-1]] + [0.0]})
    return out


def main():
    sampling = base.load_comfy()
    base.stub("comfy.extra_samplers").__path__ = [str(base.COMFY / "comfy/extra_samplers")]
    records, chunks, offset = [], [], 0
    for name, spaces, options in CASES:
        for space in spaces:
            calls, result, interval = run(sampling, name, space, options)
            states = torch.stack([x for _, x in calls] + [result]).flatten().numpy()
            assert numpy.isfinite(states).all(), (name, space)
            records.append(
                {
                    "name": name,
                    "space": space.split()[0],
                    "options": options,
                    "interval": interval,
                    "sigmas": SIGMAS[space].tolist(),
                    "levels": [level for level, _ in calls],
                    "offset": offset,
                }
            )
            offset += states.size
            chunks.append(states)
    data = numpy.concatenate(chunks).astype("<f4")
    (base.OUT / "named.bin").write_bytes(data.tobytes())
    parts = {"samplers": records, "layouts": layouts(), "schedulers": schedulers()}
    text = ",\n".join(f'"{key}": [\n' + ",\n".join(json.dumps(r) for r in part) + "\n]" for key, part in parts.items())
    (base.OUT / "named.json").write_text("{" + text + "}\n")
    print(len(records), "cases", data.nbytes, "bytes", max(len(r["levels"]) for r in records), "calls at most")


if __name__ == "__main__":
    main()
