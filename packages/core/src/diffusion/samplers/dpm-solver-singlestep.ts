import { blend, blend2 } from "../blend.ts";
import { latentLike, placesLike } from "../kernels/workspaces.ts";
import { begin, type SamplerInput, type SamplerStep } from "../sampler.ts";
import { lambdaOf } from "../space.ts";
import { type DpmAlgorithm, dpmSlopes, dpmWeights } from "./dpm-solver-weights.ts";
import { risingRun } from "./lms.ts";
import { predictedOutput } from "./predicted-output.ts";

/** What {@link dpm_solver_singlestep} takes. */
export interface SinglestepOptions extends Partial<DpmAlgorithm> {
  /** The order each step has within its group: 1 starts one. Unless given, 1, 2, 1, 2 …, and 1 at the end. */
  orders?: ArrayLike<number>;
}

/**
 * Singlestep DPM-Solver and DPM-Solver++: Lu et al. 2022 (https://arxiv.org/abs/2206.00927, https://arxiv.org/abs/2211.01095). A group
 * of steps of order 1, 2 (and 3) starts again from the group's first latent each time, with one more output.
 */
export async function* dpm_solver_singlestep(
  input: SamplerInput<SinglestepOptions>,
): AsyncGenerator<SamplerStep, void, void> {
  const { model, x, sigmas, steps, space, noise, options } = begin(input);
  const algorithm: DpmAlgorithm = { predict: "data", solver: "midpoint", eta: 0, ...options };
  const orders = options.orders ?? Array.from({ length: steps }, (_, i) => (i === steps - 1 ? 1 : 1 + (i % 2)));
  const base = latentLike(x);
  const places = placesLike(x, 3);
  const place = algorithm.predict === "data" ? places : placesLike(x, 1);
  let outputs: Float32Array[] = [];
  for (let i = 0; i < steps; i++) {
    const sigma = sigmas[i]!;
    const sigmaNext = sigmas[i + 1]!;
    const denoised = await model(x, sigma, i, place());
    const output = predictedOutput(algorithm.predict, space, sigma, x, denoised, places);
    outputs = [output, ...outputs.slice(0, 2)];
    const order = usableOrder(i, Math.min(orders[i]!, outputs.length, sigmaNext === 0 ? 1 : 3));
    if (order === 1) base.set(x);
    const levels = Array.from({ length: order }, (_, k) => sigmas[i - k]!);
    const weights = singlestepWeights(levels);
    blend(x, [weights.x, ...weights.m], [base, ...outputs]);
    if (algorithm.eta > 0) blend2(x, 1, x, weights.noise, noise(sigma, sigmaNext));
    yield { step: i + 1, steps, sigma, sigmaNext, x, denoised };

    function singlestepWeights(known: number[]) {
      const start = known[known.length - 1]!;
      const first = dpmWeights(space, algorithm, sigmaNext, [start]);
      if (known.length === 1) return first;
      const h = lambdaOf(space, sigmaNext) - lambdaOf(space, start);
      const reach = (level: number) => (lambdaOf(space, level) - lambdaOf(space, start)) / h;
      const [c1, c2] = dpmSlopes(space, algorithm, sigmaNext, h, known.length);
      const r0 = reach(known[0]!);
      if (known.length === 2) return { ...first, m: [c1 / r0, first.m[0]! - c1 / r0] };
      const r1 = reach(known[1]!);
      // Weights of (m0 − m2)/r0 and (m1 − m2)/r1.
      const far = algorithm.solver === "midpoint" ? c1 : (-c1 * r1 + 2 * c2) / (r0 - r1);
      const near = algorithm.solver === "midpoint" ? 0 : (c1 * r0 - 2 * c2) / (r0 - r1);
      return { ...first, m: [far / r0, near / r1, first.m[0]! - far / r0 - near / r1] };
    }
  }

  /** 1 where a level isn't above the next or has no finite λ, since the higher orders divide by the differences. */
  function usableOrder(i: number, order: number): number {
    const falls = sigmas[i + 1]! < sigmas[i]! && risingRun(sigmas, i, order) === order;
    return falls && Number.isFinite(lambdaOf(space, sigmas[i - order + 1]!)) ? order : 1;
  }
}
