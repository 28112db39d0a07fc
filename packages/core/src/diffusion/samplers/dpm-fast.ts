import { blend } from "../blend.ts";
import { latentLike, placesLike } from "../kernels/workspaces.ts";
import { begin, type SamplerInput, type SamplerStep } from "../sampler.ts";
import { type AncestralOptions, ancestralStep } from "./ancestral.ts";
import { dpmCalls, dpmMove, R1 } from "./dpm-solver-step.ts";
import { exponentialStep } from "./exponential-step.ts";

/**
 * DPM-Solver-fast: singlestep DPM-Solver in groups of order 3, 2 and 1 that need as many model calls as there are steps: Lu et al. 2022
 * (https://arxiv.org/abs/2206.00927), section 3.4. As in k-diffusion it lays out its own levels, even in log σ, between the first and the
 * lowest above 0, where it ends. A yield tells the calls so far as steps. `eta` is 0 unless given.
 */
export async function* dpm_fast(input: SamplerInput<AncestralOptions>): AsyncGenerator<SamplerStep, void, void> {
  const { model, x, sigmas, steps, space, noise, options } = begin(input, ["ve", "flow"]);
  const { eta = 0, sNoise = 1 } = options;
  const [start, end] = ends(sigmas);
  const [trial, place, places] = [latentLike(x), latentLike(x), placesLike(x, 3)];
  if (!(end < start)) {
    // There is no way to go but to where the levels end.
    const denoised = await model(x, start, steps - 1, place);
    exponentialStep(x, space, x, denoised, start, sigmas[steps]!);
    yield { step: steps, steps, sigma: start, sigmaNext: sigmas[steps]!, x, denoised };
    return;
  }
  const orders = ordersOf(steps);
  const levelAt = (i: number) => (i === orders.length ? end : start * (end / start) ** (i / orders.length));
  let calls = 0;
  for (const [i, order] of orders.entries()) {
    const [sigma, sigmaNext] = [levelAt(i), levelAt(i + 1)];
    const { down, up } = downAndUp(sigma, sigmaNext, eta, end);
    const r1 = order === 3 ? R1 : 1 / 2;
    const room = { index: () => calls++, trial, place, places };
    const { outputs, denoised } = await dpmCalls(model, x, { from: sigma, to: down }, order, r1, room);
    dpmMove(x, x, { from: sigma, to: down, outputs }, order, r1);
    if (up > 0) blend(x, [1, up * sNoise], [x, noise(sigma, sigmaNext)]);
    yield { step: calls, steps, sigma, sigmaNext, x, denoised };
  }
}

/** The first level, and the lowest above 0. */
export function ends(sigmas: Float64Array): [number, number] {
  const last = sigmas[sigmas.length - 1]!;
  return [sigmas[0]!, last > 0 ? last : sigmas[sigmas.length - 2]!];
}

/** Where an ancestral step goes down to, not below `end`, and the noise that then leads up to σ'. */
export function downAndUp(sigma: number, sigmaNext: number, eta: number, end: number): { down: number; up: number } {
  if (eta === 0) return { down: sigmaNext, up: 0 };
  const down = Math.max(end, ancestralStep(sigma, sigmaNext, eta, "ve").sigmaDown);
  return { down, up: Math.sqrt(Math.max(0, sigmaNext ** 2 - down ** 2)) };
}

/** Groups of order 3 and a rest, with as many calls as `calls` in all. */
function ordersOf(calls: number): number[] {
  const whole = Math.floor(calls / 3);
  const thirds = (count: number) => new Array<number>(count).fill(3);
  return calls % 3 === 0 ? [...thirds(whole - 1), 2, 1] : [...thirds(whole), calls % 3];
}
