"""Pictures from prompts with the plain networks: DDIM on v-predictions, with classifier-free guidance."""
import torch

import tokenizer as clip_tokenizer


def spaced_timesteps(steps, total=1000):
    """Diffusers' "trailing" spacing: from the last timestep down, evenly."""
    return [round(total - i * total / steps) - 1 for i in range(steps)]


@torch.no_grad()
def latents_for(unet, text_encoder, tokens, prompts, alphas, seeds, steps=20, guidance=4.0, batch=64):
    out = []
    for start in range(0, len(prompts), batch):
        chosen = prompts[start : start + batch]
        n = len(chosen)
        noise = [torch.randn(1, unet.config.in_channels, 16, 16, generator=torch.Generator().manual_seed(s)) for s in seeds[start : start + n]]
        x = torch.cat(noise)
        with torch.autocast("cpu", torch.bfloat16):
            context = text_encoder(clip_tokenizer.encode(tokens, [""] * n + list(chosen))).last_hidden_state
        times = spaced_timesteps(steps)
        for t, following in zip(times, [*times[1:], -1]):
            with torch.autocast("cpu", torch.bfloat16):
                v = unet(torch.cat([x, x]), torch.tensor(t), context).sample.float()
            empty, told = v.chunk(2)
            v = empty + guidance * (told - empty)
            a, b = alphas[t].sqrt(), (1 - alphas[t]).sqrt()
            clean, direction = a * x - b * v, a * v + b * x
            later = alphas[following] if following >= 0 else torch.tensor(1.0)
            x = later.sqrt() * clean + (1 - later).sqrt() * direction
        out.append(x)
    return torch.cat(out)


@torch.no_grad()
def decode(vae, latents, batch=64):
    parts = []
    for chunk in latents.split(batch):
        with torch.autocast("cpu", torch.bfloat16):
            parts.append(vae.decode(chunk / vae.config.scaling_factor).sample.float())
    return torch.cat(parts)
