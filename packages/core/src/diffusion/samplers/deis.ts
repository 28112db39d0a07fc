import { blend } from "../blend.ts";
import { latentLike, placesLike } from "../kernels/workspaces.ts";
import { begin, type SamplerInput, type SamplerStep } from "../sampler.ts";
import { alphaOf, ratioOf } from "../space.ts";
import { deisTabWeights } from "./deis-tab.ts";
import { risingRun } from "./lms.ts";

/** What {@link deis} takes. */
export interface DeisOptions {
  /** 1, 2 or 3 (the default). */
  order?: 1 | 2 | 3;
  /** Make the last step of first order and the one before it of second. A step to σ = 0 always is of first. */
  lowerOrderFinal?: boolean;
  /** Follow ComfyUI, whose polynomial is in the time of a VP process: see {@link deisTabWeights}. */
  asComfy?: boolean;
}

/**
 * DEIS, multistep in log ρ, ρ = σ/α: Zhang & Chen 2022, "Fast Sampling of Diffusion Models with Exponential Integrator"
 * (https://arxiv.org/abs/2204.13902). x/α is integrated over ρ, with ε a polynomial in log ρ.
 */
export async function* deis(input: SamplerInput<DeisOptions>): AsyncGenerator<SamplerStep, void, void> {
  // ComfyUI takes every σ for k-diffusion's.
  const { model, x, sigmas, steps, space, options } = begin(input.options?.asComfy ? { ...input, space: "ve" } : input);
  const { order = 3, lowerOrderFinal = false, asComfy = false } = options;
  const places = placesLike(x, order);
  let history: Float32Array[] = [];
  const place = latentLike(x);
  for (let i = 0; i < steps; i++) {
    const sigma = sigmas[i]!;
    const sigmaNext = sigmas[i + 1]!;
    const denoised = await model(x, sigma, i, place);
    const epsilon = blend(places(), [1 / sigma, -alphaOf(space, sigma) / sigma], [x, denoised]);
    history = [epsilon, ...history.slice(0, order - 1)];
    const limit = sigmaNext === 0 || alphaOf(space, sigma) === 0 ? 1 : lowerOrderFinal ? steps - i : 3;
    const distinct = sigmaNext < sigma ? risingRun(sigmas, i, Math.min(order, limit, history.length)) : 1;
    // A level of pure noise has no finite ρ.
    const used = alphaOf(space, sigmas[i - distinct + 1]!) === 0 ? Math.max(1, distinct - 1) : distinct;
    const alphaNext = alphaOf(space, sigmaNext);
    if (asComfy && used > 1) {
      const levels = Array.from({ length: used }, (_, k) => sigmas[i - k]!);
      blend(x, [1, ...deisTabWeights(levels, sigmaNext)], [x, ...history]);
    } else if (used === 1) {
      const ratio = sigmaNext / sigma;
      blend(x, [ratio, alphaNext - alphaOf(space, sigma) * ratio], [x, denoised]);
    } else {
      const rhos = Array.from({ length: used }, (_, k) => ratioOf(space, sigmas[i - k]!));
      const weights = rhos.map((_, k) => alphaNext * logRhoWeight(rhos, k, ratioOf(space, sigmaNext)));
      blend(x, [alphaNext / alphaOf(space, sigma), ...weights], [x, ...history]);
    }
    yield { step: i + 1, steps, sigma, sigmaNext, x, denoised };
  }
}

/** ∫ of the k-th Lagrange polynomial in log ρ through `rhos` (2 or 3), dρ, from `rhos[0]` to `end`. */
function logRhoWeight(rhos: readonly number[], k: number, end: number): number {
  const b = Math.log(rhos[k]!);
  const others = rhos.filter((_, j) => j !== k).map(Math.log);
  const [c, d] = others as [number, number?];
  const antiderivative = (rho: number) => {
    const t = Math.log(rho);
    if (d === undefined) return (rho * (t - 1 - c)) / (b - c);
    return (rho * (c * (d - t + 1) - d * t + d + t * t - 2 * t + 2)) / ((b - c) * (b - d));
  };
  return antiderivative(end) - antiderivative(rhos[0]!);
}
