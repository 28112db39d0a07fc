"""A stock of composites with their latents, encoded once and kept in the run folder."""
import numpy as np
import torch

from dataset import sample


@torch.no_grad()
def load_or_make(path, vae, painter, count):
    """Captions are not kept: they are written anew each time a composite is used."""
    if path.exists():
        return torch.load(path, weights_only=False)
    rng = np.random.default_rng(77)
    composites, latents = [], []
    for _ in range(count // 64):
        chosen = [sample(rng) for _ in range(64)]
        with torch.autocast("cpu", torch.bfloat16):
            latents.append(vae.encode(painter.batch(chosen, rng)).latent_dist.mean.half())
        composites += chosen
    pool = composites, torch.cat(latents)
    torch.save(pool, path)
    return pool
