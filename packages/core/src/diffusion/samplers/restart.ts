import { blend, blend2 } from "../blend.ts";
import { latentLike } from "../kernels/workspaces.ts";
import { begin, type SamplerInput, type SamplerStep } from "../sampler.ts";
import { karrasSigmas } from "../schedulers/karras.ts";
import { alphaOf, fromRatio, ratioOf, type Space } from "../space.ts";
import { awayFromPureNoise } from "./exponential-step.ts";

/** What {@link restart} takes. */
export interface RestartOptions {
  /** The added noise's standard deviation. */
  sNoise?: number;
}

/**
 * Restart sampling: Algorithm 1 of Xu et al. 2023 (https://arxiv.org/abs/2306.14878): Heun steps, and where σ has come down to 0.1 the way
 * from 2 is gone again with fresh noise, once, or from 36 steps on twice; below 20 steps not at all. As A1111 lays it out: with restarts
 * all levels are Karras', and there are as many steps as asked for.
 */
export async function* restart(input: SamplerInput<RestartOptions>): AsyncGenerator<SamplerStep, void, void> {
  const run = begin(input, ["ve", "flow"]);
  const { model, x, space, noise, options } = run;
  const { sNoise = 1 } = options;
  const moves = movesOf(awayFromPureNoise(run.sigmas, space), space);
  const [trial, place, placeNext] = [latentLike(x), latentLike(x), latentLike(x)];
  let reached = moves[0]![0];
  for (const [i, [sigma, sigmaNext]] of moves.entries()) {
    if (sigma > reached) {
      const keep = alphaOf(space, sigma) / alphaOf(space, reached);
      const std = Math.sqrt(sigma ** 2 - (keep * reached) ** 2);
      blend2(x, keep, x, sNoise * std, noise(sigma, reached));
    }
    const first = await model(x, sigma, i, place);
    let denoised = first;
    const ratio = sigmaNext / sigma;
    if (sigmaNext === 0) x.set(first);
    else {
      blend2(trial, ratio, x, 1 - ratio, first);
      denoised = await model(trial, sigmaNext, i, placeNext);
      const [half, halfNext] = [(ratio - 1) / 2, (1 - 1 / ratio) / 2];
      blend(x, [1 + half, -half, halfNext, -halfNext], [x, first, trial, denoised]);
    }
    reached = sigmaNext;
    yield { step: i + 1, steps: moves.length, sigma, sigmaNext, x, denoised };
  }
}

/** Each step's levels. */
function movesOf(sigmas: Float64Array, space: Space): [number, number][] {
  const steps = sigmas.length - 1;
  // A part of the way that doesn't end at 0 is gone as it is.
  if (steps < 20 || sigmas[steps]! > 0) return pairs(sigmas);
  const [again, times] = steps >= 36 ? [Math.floor(steps / 4), 2] : [9, 1];
  const between = (n: number, low: number, high: number) =>
    karrasSigmas(n, ratioOf(space, low), ratioOf(space, high)).map((ratio) => fromRatio(space, ratio));
  const levels = Float64Array.from([...between(steps - again * times, sigmas[steps - 1]!, sigmas[0]!), 0]);
  const low = nearestTo(levels, 0.1, space);
  const high = nearestTo(levels, 2, space);
  const all = pairs(levels);
  if (high >= low) return all;
  const loop = pairs(between(again + 1, levels[low]!, levels[high]!));
  return [...all.slice(0, low), ...Array.from({ length: times }, () => loop).flat(), ...all.slice(low)];
}

function pairs(levels: Float64Array): [number, number][] {
  return Array.from(levels.subarray(1), (level, i) => [levels[i]!, level]);
}

/** The place of the level whose σ/α is nearest. */
function nearestTo(levels: Float64Array, ratio: number, space: Space): number {
  const distances = Array.from(levels, (level) => Math.abs(ratioOf(space, level) - ratio));
  return distances.indexOf(Math.min(...distances));
}
