import { blend } from "../blend.ts";
import { invalid } from "../invalid.ts";
import { latentLike, placesLike } from "../kernels/workspaces.ts";
import { begin, type SamplerInput, type SamplerStep } from "../sampler.ts";
import { derivative } from "./derivative.ts";

/** What {@link lms} takes. */
export interface LmsOptions {
  /** How many derivatives to use, 1 to 4 (the default). */
  order?: number;
  /** Take the step to σ = 0 with all derivatives too, as k-diffusion and diffusers do, not straight to x0, as ComfyUI does. */
  fullOrderFinal?: boolean;
  /**
   * The levels before the first, of a run that starts late: the polynomials go through them as well, although their derivatives, not being
   * there, count as 0. So does diffusers.
   */
  earlier?: ArrayLike<number>;
}

/**
 * The linear multistep method (Adams–Bashforth over uneven levels) on the probability-flow ODE, as in k-diffusion; the ODE is Karras et
 * al. 2022's (https://arxiv.org/abs/2206.00364).
 */
export async function* lms(input: SamplerInput<LmsOptions>): AsyncGenerator<SamplerStep, void, void> {
  const { model, x, sigmas, steps, space, options } = begin(input, ["ve", "flow"]);
  const { order = 4, fullOrderFinal = false, earlier = [] } = options;
  if (![1, 2, 3, 4].includes(order)) invalid("order", `${order} is not an order of lms`, [1, 2, 3, 4]);
  const places = placesLike(x, order);
  const levels = Float64Array.from([...Array.from(earlier), ...sigmas]);
  let derivatives: Float32Array[] = [];
  const place = latentLike(x);
  for (let i = 0; i < steps; i++) {
    const sigma = sigmas[i]!;
    const sigmaNext = sigmas[i + 1]!;
    const denoised = await model(x, sigma, i, place);
    derivatives = [derivative(places(), space, x, denoised, sigma), ...derivatives.slice(0, order - 1)];
    // Levels that are equal are one point of the polynomial.
    const at = earlier.length + i;
    const points = risingRun(levels, at, Math.min(order, at + 1));
    const used = derivatives.slice(0, points);
    const weights = used.map((_, j) => lmsWeight(levels, at, j, points));
    if (sigmaNext === 0 && !fullOrderFinal) x.set(denoised);
    else blend(x, [1, ...weights], [x, ...used]);
    yield { step: i + 1, steps, sigma, sigmaNext, x, denoised };
  }
}

/** How many of the last levels, at most `most`, rise strictly going back from the i-th. */
export function risingRun(sigmas: Float64Array, i: number, most: number): number {
  let run = 1;
  while (run < most && sigmas[i - run]! > sigmas[i - run + 1]!) run++;
  return run;
}

/** ∫ of the j-th Lagrange polynomial through the last `order` levels, from σ_i to σ_{i+1}; Gauss's 3 points are exact for it. */
function lmsWeight(sigmas: Float64Array, i: number, j: number, order: number): number {
  const [from, to] = [sigmas[i]!, sigmas[i + 1]!];
  const [center, half] = [(from + to) / 2, (to - from) / 2];
  const polynomial = (tau: number) => {
    let product = 1;
    for (let k = 0; k < order; k++) if (k !== j) product *= (tau - sigmas[i - k]!) / (sigmas[i - j]! - sigmas[i - k]!);
    return product;
  };
  const offset = half * Math.sqrt(3 / 5);
  return (half * (5 * polynomial(center - offset) + 8 * polynomial(center) + 5 * polynomial(center + offset))) / 9;
}
