"""Seconds a step of a flow model's transformer in torch bf16, through diffusers' class, at the published size with random weights.

    python flows_torch.py z-image-turbo|flux2-klein-4b CONFIG_JSON SIDE STEPS THREADS
"""

import json
import sys
import time

import torch

model, config, side, steps, threads = sys.argv[1], json.loads(sys.argv[2]), *map(int, sys.argv[3:6])
torch.set_num_threads(threads)
tokens = (side // 16) ** 2
started = time.time()
if model == "z-image-turbo":
    from diffusers import ZImageTransformer2DModel as Transformer
else:
    from diffusers import Flux2Transformer2DModel as Transformer
config = {name: value for name, value in config.items() if not name.startswith("_")}
with torch.device("meta"):
    net = Transformer(**config)
net = net.to(torch.bfloat16).to_empty(device="cpu")
noise = (torch.rand(1_000_003) * 2 - 1).to(torch.bfloat16)
for i, parameter in enumerate(net.parameters()):
    count = parameter.numel()
    values = noise.roll(7919 * i).repeat(count // len(noise) + 1)[:count].view_as(parameter)
    parameter.data.copy_(values * (3 / max(1, parameter[0].numel())) ** 0.5 if parameter.dim() > 1 else torch.ones_like(values))
loaded = time.time()
text = torch.randn(512, config.get("cap_feat_dim") or config["joint_attention_dim"], dtype=torch.bfloat16)
times = []
with torch.no_grad():
    for _ in range(steps):
        start = time.time()
        if model == "z-image-turbo":
            latent = torch.randn(16, 1, side // 8, side // 8, dtype=torch.bfloat16)
            net([latent], torch.tensor([0.5], dtype=torch.bfloat16), [text[:32]])
        else:
            places = torch.zeros(tokens, 4)
            places[:, 1] = torch.arange(tokens) // (side // 16)
            places[:, 2] = torch.arange(tokens) % (side // 16)
            words = torch.zeros(512, 4)
            words[:, 3] = torch.arange(512)
            net(
                hidden_states=torch.randn(1, tokens, 128, dtype=torch.bfloat16),
                encoder_hidden_states=text[None],
                timestep=torch.tensor([0.5], dtype=torch.bfloat16),
                img_ids=places[None],
                txt_ids=words[None],
                guidance=None,
            )
        times.append(time.time() - start)
with open("/proc/self/status") as status:
    peak = next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))
print(json.dumps({"loadSeconds": loaded - started, "secondsPerStep": min(times), "peak": peak, "torch": torch.__version__}))
