"""Trains the denoiser and the text encoder together: python train_unet.py --sprites DIR --out DIR --minutes 90

Resumes from DIR/unet.pt; starts from a finished model's weights with --init MODEL_DIR.
"""
import argparse
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from transformers import CLIPTextModel

import captions
import checkpoint
import networks
import parallel
import pool
import sampling
import tokenizer as clip_tokenizer
from clock import Clock, rate
from dataset import Painter

EMPTY = 0.11  # captions left empty, for classifier-free guidance
PREVIEW = [
    "a red apple on a blue background", "a blue whale in the snow", "a penguin in the desert", "a cat on a pink background",
    "a rocket in a starry night", "a car by the sea at sunset", "a house on grass", "a guitar on a yellow background",
    "a small balloon on the left on a white background", "a robot on a green background, flat style", "a dog on the right on grass",
    "a large pumpkin on a black background, cartoon style", "a sailboat at sunset", "a butterfly on a turquoise background",
    "a slice of pizza on a gray background", "a snowman in the snow, cartoon",
]


def stratified_timesteps(n):
    return ((torch.arange(n) + torch.rand(n)) / n * 1000).long().clamp(0, 999)


def preview(unet, text_encoder, vae, tokens, alphas, path):
    prompts = PREVIEW * 2
    seeds = list(range(len(prompts)))
    latents = sampling.latents_for(unet, text_encoder, tokens, prompts, alphas, seeds)
    checkpoint.grid(sampling.decode(vae, latents), 16, path)


def train(rank, workers, args):
    out, lead = Path(args.out), rank == 0
    torch.set_flush_denormal(True)
    tokens = clip_tokenizer.load(out / "tokenizer")
    if args.init:
        unet = UNet2DConditionModel.from_pretrained(args.init, subfolder="unet", torch_dtype=torch.float32)
        text_encoder = CLIPTextModel.from_pretrained(args.init, subfolder="text_encoder", torch_dtype=torch.float32)
    else:
        torch.manual_seed(0)
        unet, text_encoder = networks.unet(), networks.text_encoder(len(tokens))
    unet.set_attn_processor(AttnProcessor())  # on a CPU, faster backwards than the fused kernel
    unet.train()
    text_encoder.train()
    vae = AutoencoderKL.from_pretrained(out / "vae")
    alphas = networks.scheduler().alphas_cumprod
    both = torch.nn.ModuleList([unet, text_encoder])
    weights = list(both.parameters())
    optimizer = torch.optim.AdamW(weights, args.rate, betas=(0.9, 0.99), weight_decay=0.01, fused=True)
    step, spent, average = 0, 0.0, None
    if (out / "unet.pt").exists():
        state = torch.load(out / "unet.pt")
        both.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        step, spent, average = state["step"], state["spent"], state["average"]
    average = checkpoint.Average(both, 0.9993, average)
    composites, latents = torch.load(out / "pool.pt", weights_only=False)
    seed = int(time.time()) * workers + rank
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    batch = args.batch // workers
    clock, progress = Clock(args.minutes, spent), 0.0
    shown = saved = time.time()
    total = counted = 0
    while progress < 1:
        chosen = rng.integers(len(composites), size=batch)
        prompts = ["" if rng.random() < EMPTY else captions.caption(composites[i], rng) for i in chosen]
        clean = latents[torch.from_numpy(chosen)].float()
        times = stratified_timesteps(batch)
        a, b = alphas[times].sqrt().view(-1, 1, 1, 1), (1 - alphas[times]).sqrt().view(-1, 1, 1, 1)
        noise = torch.randn_like(clean)
        with torch.autocast("cpu", torch.bfloat16):
            context = text_encoder(clip_tokenizer.encode(tokens, prompts)).last_hidden_state
            v = unet(a * clean + b * noise, times, context).sample
        loss = F.mse_loss(v.float(), a * noise - b * clean)
        loss.backward()
        progress, summed = parallel.average_gradients(weights, clock.progress() if lead else 0.0, loss.item())
        for group in optimizer.param_groups:
            group["lr"] = args.rate * rate(progress, step, warmup=300, decay=args.decay)
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        step += 1
        if not lead:
            continue
        average.update()
        total, counted = total + summed / workers, counted + 1
        if step % 100 == 0:
            print(f"{step} {clock.elapsed():.0f}s loss {total / counted:.4f}", flush=True)
            total = counted = 0
        if progress >= 1 or time.time() - shown > 420:
            torch.set_num_threads(workers)
            average.swap()
            preview(unet, text_encoder, vae, tokens, alphas, out / f"preview-{step:05d}.png")
            average.swap()
            torch.set_num_threads(1)
            shown = time.time()
        if progress >= 1 or time.time() - saved > 300:
            state = {"model": both.state_dict(), "optimizer": optimizer.state_dict(), "average": average.state()}
            checkpoint.save(out / "unet.pt", state | {"step": step, "spent": clock.elapsed()})
            saved = time.time()
    if lead:
        average.swap()
        unet.save_pretrained(out / "unet")
        text_encoder.save_pretrained(out / "text_encoder")
        print(f"{step} steps, {clock.elapsed() / 60:.0f} minutes")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--sprites", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--init", help="a model folder whose unet and text encoder to start from")
    parser.add_argument("--minutes", type=float, default=90)
    parser.add_argument("--batch", type=int, default=48)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--pool", type=int, default=24_000)
    parser.add_argument("--rate", type=float, default=6e-4)
    parser.add_argument("--decay", type=float, default=0.3)
    args = parser.parse_args()
    out = Path(args.out)
    clip_tokenizer.write(out / "tokenizer")
    pool.load_or_make(out / "pool.pt", AutoencoderKL.from_pretrained(out / "vae"), Painter(args.sprites), args.pool)
    parallel.launch(train, args.workers, args)


if __name__ == "__main__":
    main()
