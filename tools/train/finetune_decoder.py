"""Teaches the decoder to tolerate small errors in latents, which the denoiser makes; the latents keep their meaning.

python finetune_decoder.py --sprites DIR --vae DIR/vae --out DIR/vae --minutes 6
"""
import argparse

import numpy as np
import torch
from diffusers import AutoencoderKL

from clock import Clock, rate
from dataset import Painter, sample
from train_vae import decode, encode, measure, reconstruction_loss

NOISE = 0.25  # the largest deviation of the disturbance, where latents have deviation 1


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--sprites", required=True)
    parser.add_argument("--vae", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--minutes", type=float, default=6)
    parser.add_argument("--batch", type=int, default=16)
    args = parser.parse_args()
    torch.set_flush_denormal(True)
    painter, rng = Painter(args.sprites), np.random.default_rng(3)
    vae = AutoencoderKL.from_pretrained(args.vae)
    weights = [*vae.post_quant_conv.parameters(), *vae.decoder.parameters()]
    optimizer = torch.optim.AdamW(weights, 4e-4, betas=(0.9, 0.98), weight_decay=1e-3, fused=True)
    clock, step = Clock(args.minutes), 0
    while clock.progress() < 1:
        optimizer.param_groups[0]["lr"] = 4e-4 * rate(clock.progress(), step, warmup=50, decay=0.8)
        images = painter.batch([sample(rng, held_out=True) for _ in range(args.batch)], rng)
        with torch.autocast("cpu", torch.bfloat16):
            with torch.no_grad():
                latents = encode(vae, images)[0]
            level = torch.rand(args.batch, 1, 1, 1) * NOISE
            result = decode(vae, latents + level * torch.randn_like(latents))
        loss = reconstruction_loss(result, images)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        step += 1
        if step % 50 == 0:
            print(f"{step} {clock.elapsed():.0f}s loss {loss.item():.4f}", flush=True)
    vae.save_pretrained(args.out)
    print(f"PSNR {measure(vae, painter, f'{args.out}.png'):.2f} dB")


if __name__ == "__main__":
    main()
