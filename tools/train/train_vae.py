"""Trains the autoencoder on composites: python train_vae.py --sprites DIR --out DIR --minutes 28"""
import argparse
import math
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

import checkpoint
import networks
from clock import Clock, rate
from dataset import Painter, sample


def edges(x):
    return x[..., 1:] - x[..., :-1], x[..., 1:, :] - x[..., :-1, :]


def reconstruction_loss(out, target):
    """Absolute error of pixels and of their differences (crisp edges), and a little squared error for large mistakes."""
    difference = sum(F.l1_loss(a, b) for a, b in zip(edges(out), edges(target)))
    return F.l1_loss(out, target) + 0.5 * difference + F.mse_loss(out, target)


def encode(vae, images):
    mean, log_variance = vae.quant_conv(vae.encoder(images)).float().chunk(2, 1)
    return mean, log_variance.clamp(-20, 5)


def decode(vae, latents):
    return vae.decoder(vae.post_quant_conv(latents)).float()


@torch.no_grad()
def measure(vae, painter, path):
    """PSNR over fresh composites, and a picture of originals above reconstructions."""
    rng = np.random.default_rng(10_000)
    images = painter.batch([sample(rng, held_out=True) for _ in range(64)], rng)
    with torch.autocast("cpu", torch.bfloat16):
        out = decode(vae, encode(vae, images)[0])
    errors = (out.clamp(-1, 1) - images).square().mean((1, 2, 3)) / 4
    checkpoint.grid(torch.stack([images[:32].view(2, 16, 3, 64, 64), out[:32].view(2, 16, 3, 64, 64)], 1).flatten(0, 2), 16, path)
    return float((-10 * errors.log10()).mean())


@torch.no_grad()
def normalise(vae, painter, count=2048):
    """Folds each channel's mean and deviation into the 1×1 convolutions, so that latents are 0 ± 1 and scaling_factor is 1."""
    rng = np.random.default_rng(20_000)
    means = []
    for _ in range(count // 64):
        with torch.autocast("cpu", torch.bfloat16):
            means.append(encode(vae, painter.batch([sample(rng) for _ in range(64)], rng))[0])
    latents = torch.cat(means)
    mean, deviation = latents.mean((0, 2, 3)), latents.std((0, 2, 3))
    c = len(mean)
    into, back = vae.quant_conv, vae.post_quant_conv
    into.weight[:c] /= deviation[:, None, None, None]
    into.bias[:c] = (into.bias[:c] - mean) / deviation
    into.bias[c:] -= 2 * deviation.log()
    back.bias += (back.weight[:, :, 0, 0] * mean).sum(1)
    back.weight *= deviation[None, :, None, None]
    print("latent mean", mean.tolist(), "deviation", deviation.tolist())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--sprites", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--minutes", type=float, default=28)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--kl", type=float, default=1e-4)
    args = parser.parse_args()
    out = Path(args.out)
    torch.manual_seed(0)
    torch.set_flush_denormal(True)
    painter = Painter(args.sprites)
    vae = networks.vae()
    optimizer = torch.optim.AdamW(vae.parameters(), args.rate, betas=(0.9, 0.98), weight_decay=1e-3, fused=True)
    step, spent, average = 0, 0.0, None
    if (out / "vae.pt").exists():
        state = torch.load(out / "vae.pt")
        vae.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        step, spent, average = state["step"], state["spent"], state["average"]
    average = checkpoint.Average(vae, 0.998, average)
    clock = Clock(args.minutes, spent)
    rng = np.random.default_rng(1 + step)
    shown = saved = time.time()
    while clock.progress() < 1:
        for group in optimizer.param_groups:
            group["lr"] = args.rate * rate(clock.progress(), step, decay=0.4)
        images = painter.batch([sample(rng, held_out=True) for _ in range(args.batch)], rng)
        with torch.autocast("cpu", torch.bfloat16):
            mean, log_variance = encode(vae, images)
            result = decode(vae, mean + (0.5 * log_variance).exp() * torch.randn_like(mean))
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean()
        rebuilt = reconstruction_loss(result, images)
        (rebuilt + args.kl * divergence).backward()
        torch.nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        average.update()
        step += 1
        if step % 50 == 0:
            print(f"{step} {clock.elapsed():.0f}s loss {rebuilt.item():.4f} kl {divergence.item():.2f}", flush=True)
        if time.time() - shown > 120:
            average.swap()
            print(f"PSNR {measure(vae, painter, out / 'vae.png'):.2f} dB", flush=True)
            average.swap()
            shown = time.time()
        if time.time() - saved > 240:
            state = {"model": vae.state_dict(), "optimizer": optimizer.state_dict(), "average": average.state()}
            checkpoint.save(out / "vae.pt", state | {"step": step, "spent": clock.elapsed()})
            saved = time.time()
    average.swap()
    normalise(vae, painter)
    print(f"final PSNR {measure(vae, painter, out / 'vae.png'):.2f} dB after {step * args.batch} samples")
    vae.save_pretrained(out / "vae")


if __name__ == "__main__":
    main()
