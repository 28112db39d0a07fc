import { blend, blend2 } from "../blend.ts";
import { placesLike } from "../kernels/workspaces.ts";
import { begin, type SamplerInput, type SamplerStep } from "../sampler.ts";
import { alphaOf } from "../space.ts";
import { type DpmAlgorithm, dpmWeights } from "./dpm-solver-weights.ts";
import { awayFromPureNoise } from "./exponential-step.ts";

/** What {@link dpm_solver_multistep} takes. */
export interface DpmSolverOptions extends Partial<DpmAlgorithm> {
  /** 1, 2 (the default) or 3. */
  order?: 1 | 2 | 3;
  /** Make the last step of first order, and with order 3 the one before it of second. A step to σ = 0 always is of first. */
  lowerOrderFinal?: boolean;
  /** Make only the last step of first order. */
  eulerAtFinal?: boolean;
  /** The added noise's standard deviation. */
  sNoise?: number;
}

/**
 * DPM-Solver, DPM-Solver++ and their SDE variants, multistep, of order 1 to 3: Lu et al. 2022 (https://arxiv.org/abs/2206.00927,
 * https://arxiv.org/abs/2211.01095).
 */
export async function* dpm_solver_multistep(
  input: SamplerInput<DpmSolverOptions>,
): AsyncGenerator<SamplerStep, void, void> {
  const run = begin(input);
  const { model, x, steps, space, noise, options } = run;
  const { predict = "data", solver = "midpoint", eta = 0, order = 2, sNoise = 1 } = options;
  const sigmas = eta > 0 ? awayFromPureNoise(run.sigmas, space) : run.sigmas;
  const places = placesLike(x, order);
  const place = predict === "data" ? places : placesLike(x, 1);
  let history: Float32Array[] = [];
  for (let i = 0; i < steps; i++) {
    const sigma = sigmas[i]!;
    const sigmaNext = sigmas[i + 1]!;
    const denoised = await model(x, sigma, i, place());
    history = [predict === "data" ? denoised : epsilonOf(denoised, sigma), ...history.slice(0, order - 1)];
    const left = steps - i;
    const limit =
      left === 1 && (options.eulerAtFinal || options.lowerOrderFinal) ? 1 : options.lowerOrderFinal ? left : 3;
    const used = Math.min(order, limit, history.length);
    const levels = Array.from({ length: used }, (_, k) => sigmas[i - k]!);
    const weights = dpmWeights(space, { ...options, predict, solver, eta }, sigmaNext, levels);
    blend(x, [weights.x, ...weights.m], [x, ...history]);
    if (eta > 0 && sigmaNext > 0) blend2(x, 1, x, sNoise * weights.noise, noise(sigma, sigmaNext));
    yield { step: i + 1, steps, sigma, sigmaNext, x, denoised };
  }

  function epsilonOf(denoised: Float32Array, sigma: number): Float32Array {
    return blend2(places(), 1 / sigma, x, -alphaOf(space, sigma) / sigma, denoised);
  }
}
