import { blend } from "../blend.ts";
import { latentLike, placesLike } from "../kernels/workspaces.ts";
import { begin, type SamplerInput, type SamplerStep } from "../sampler.ts";
import type { AncestralOptions } from "./ancestral.ts";
import { downAndUp, ends } from "./dpm-fast.ts";
import { dpmCalls, dpmMove, R1 } from "./dpm-solver-step.ts";
import { exponentialStep } from "./exponential-step.ts";

/** What {@link dpm_adaptive} takes. */
export interface DpmAdaptiveOptions extends AncestralOptions {
  /** 2 or 3 (the default): the higher of the two orders that are compared. */
  order?: number;
  /** The error allowed relative to the latent, 0.05, and at least, 0.0078, unless given. */
  rtol?: number;
  atol?: number;
  /** The first step's length in log σ, 0.05 unless given. */
  hInit?: number;
  /** The step size controller's coefficients: 0, 1 and 0 unless given. */
  pcoeff?: number;
  icoeff?: number;
  dcoeff?: number;
  /** By what factor a step may shrink the next and still be kept; 0.81 unless given. */
  acceptSafety?: number;
}

/**
 * DPM-Solver-12 and -23: singlestep DPM-Solver whose step size follows the difference of two orders: Lu et al. 2022
 * (https://arxiv.org/abs/2206.00927), appendix C, with k-diffusion's PID controller. Only the first level and the lowest above 0, where it
 * ends, count: how many steps there are is its own choice, and a yield's `steps` a guess until the last. `eta` is 0 unless given.
 */
export async function* dpm_adaptive(input: SamplerInput<DpmAdaptiveOptions>): AsyncGenerator<SamplerStep, void, void> {
  const { model, x, sigmas, steps, space, noise, options } = begin(input, ["ve", "flow"]);
  const { order = 3, rtol = 0.05, atol = 0.0078, eta = 0, sNoise = 1 } = options;
  const [start, end] = ends(sigmas);
  const [trial, place, places] = [latentLike(x), latentLike(x), placesLike(x, 3)];
  if (!(end < start)) {
    const denoised = await model(x, start, steps - 1, place);
    exponentialStep(x, space, x, denoised, start, sigmas[steps]!);
    yield { step: 1, steps: 1, sigma: start, sigmaNext: sigmas[steps]!, x, denoised };
    return;
  }
  const [last, low, high] = [latentLike(x), latentLike(x), latentLike(x)];
  last.set(x);
  const controller = stepSize(options, eta ? 1.5 : order);
  const span = Math.log(start / end);
  const r1 = order === 3 ? R1 : 1 / 2;
  let done = 0;
  for (let s = 0; s < span - 1e-5; ) {
    const t = Math.min(span, s + controller.h());
    const [sigma, sigmaNext] = [start * Math.exp(-s), t === span ? end : start * Math.exp(-t)];
    const { down, up } = downAndUp(sigma, sigmaNext, eta, end);
    // What share of the way is done says which of the asked steps a call belongs to.
    const index = Math.min(steps - 1, Math.floor((s / span) * steps));
    const room = { index: () => index, trial, place, places };
    const { outputs, denoised } = await dpmCalls(model, x, { from: sigma, to: down }, order, r1, room);
    const step = { from: sigma, to: down, outputs };
    dpmMove(low, x, step, order - 1, r1);
    dpmMove(high, x, step, order, r1);
    if (!controller.accepts(errorOf(low, high, last, rtol, atol))) continue;
    last.set(low);
    x.set(high);
    if (up > 0) blend(x, [1, up * sNoise], [x, noise(sigma, sigmaNext)]);
    s = t;
    done++;
    const all = s < span - 1e-5 ? Math.max(steps, done + 1) : done;
    yield { step: done, steps: all, sigma, sigmaNext, x, denoised };
  }
}

/** The root mean square of the difference of two orders over what is allowed. */
function errorOf(low: Float32Array, high: Float32Array, last: Float32Array, rtol: number, atol: number): number {
  let sum = 0;
  for (let i = 0, length = low.length; i < length; i++) {
    const allowed = Math.max(atol, rtol * Math.max(Math.abs(low[i]!), Math.abs(last[i]!)));
    sum += ((low[i]! - high[i]!) / allowed) ** 2;
  }
  return Math.sqrt(sum / low.length);
}

/** A PID controller of the step size (Söderlind 2003, https://doi.org/10.1145/641876.641877), with an arctangent limiter. */
function stepSize(
  { hInit = 0.05, pcoeff = 0, icoeff = 1, dcoeff = 0, acceptSafety = 0.81 }: DpmAdaptiveOptions,
  order: number,
) {
  const powers = [(pcoeff + icoeff + dcoeff) / order, -(pcoeff + 2 * dcoeff) / order, dcoeff / order];
  let h = hInit;
  let past: number[] | undefined;
  return {
    h: () => h,
    accepts(error: number): boolean {
      // A network's NaN would never be accepted: it is passed on to be seen in the result.
      if (Number.isNaN(error)) return true;
      const now = 1 / (error + 1e-8);
      past = [now, past?.[1] ?? now, past?.[2] ?? now];
      const product = past.reduce((factor, value, k) => factor * value ** powers[k]!, 1);
      const factor = 1 + Math.atan(product - 1);
      const accepted = factor >= acceptSafety;
      if (accepted) past = [now, now, past[1]!];
      h *= factor;
      return accepted;
    },
  };
}
