import { addNoise, type Grid, startFromNoise, type TorchGenerator } from "@latentkit/core/diffusion";
import type { LoadedModel } from "../engine/loaded-model.ts";
import { drawLatent } from "./latents.ts";

/** What an image starts from, beside noise. */
export interface Source {
  /** The input picture's distribution, from the VAE's encoder. */
  moments?: Float32Array;
  /** 1 where to paint anew: inpainting, `[height, width]` of a latent. */
  mask?: Float32Array;
  strength: number;
}

/** Where sampling starts, and what keeps the rest of an inpainted picture as it was. */
export interface Start {
  x: Float32Array;
  /** To be called with the latent after each step: it is written to. */
  keep?: (x: Float32Array, step: number) => void;
}

/** The first latent of one image. Random numbers are drawn in diffusers' order: the picture's latent before the noise. */
export function startOf(model: LoadedModel, source: Source, grid: Grid, generator: TorchGenerator, n: number): Start {
  const { moments, mask, strength } = source;
  if (moments === undefined) return { x: startFromNoise(grid, generator.randn(n)) };
  const latent = drawLatent(model, moments, generator);
  const noise = generator.randn(n);
  if (mask === undefined) return { x: addNoise(grid, latent, noise) };
  // diffusers' inpainting also encodes the masked picture, which a 4-channel UNet then does not look at.
  generator.randn(n);
  const x = strength === 1 ? startFromNoise(grid, noise) : addNoise(grid, latent, noise);
  return { x, keep: keeper({ grid, latent, noise, mask }) };
}

interface Kept {
  grid: Grid;
  latent: Float32Array;
  noise: Float32Array;
  mask: Float32Array;
}

/** Outside the mask the latent is the picture's own, at the noise level that the step has reached. */
function keeper({ grid, latent, noise, mask }: Kept): (x: Float32Array, step: number) => void {
  return (x, step) => {
    const known = step < grid.steps ? addNoise(grid, latent, noise, step) : latent;
    for (let i = 0; i < x.length; i++) if (mask[i % mask.length] === 0) x[i] = known[i]!;
  };
}
