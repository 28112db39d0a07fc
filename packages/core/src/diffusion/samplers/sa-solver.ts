import { blend } from "../blend.ts";
import { latentLike, placesLike } from "../kernels/workspaces.ts";
import { begin, type SamplerInput, type SamplerStep } from "../sampler.ts";
import { awayFromPureNoise, exponentialStep } from "./exponential-step.ts";
import { predictedOutput } from "./predicted-output.ts";
import { type SaSolverPeceOptions, saSolverByLevel } from "./sa-solver-pece.ts";
import { type SaSolverAlgorithm, type SaSolverWeights, saSolverWeights } from "./sa-solver-weights.ts";

/** What {@link sa_solver} takes. */
export interface SaSolverOptions extends Partial<SaSolverAlgorithm> {
  /** Order of the predictor, 1 to 4; 2 unless given. */
  predictorOrder?: number;
  /** Order of the corrector, 1 to 4; 2 unless given. */
  correctorOrder?: number;
  /** Lower the orders towards the end; on unless given. */
  lowerOrderFinal?: boolean;
  /** τ at a timestep: how much noise there is, 0 for none; 1 from timestep 200 to 800 unless given. */
  tau?: (timestep: number) => number;
  /** Follow ComfyUI: see {@link saSolverByLevel}. */
  asComfy?: SaSolverPeceOptions;
  /** The step's timesteps, which `tau` is asked about; without them τ is 1 in the middle three fifths of the steps. */
  timesteps?: ArrayLike<number>;
}

/**
 * SA-Solver, a stochastic Adams predictor-corrector: Xue et al. 2023 (https://arxiv.org/abs/2309.05019), algorithm 1. Draws noise
 * at every step, as diffusers does, also where τ is 0.
 */
export async function* sa_solver(input: SamplerInput<SaSolverOptions>): AsyncGenerator<SamplerStep, void, void> {
  if (input.options?.asComfy) {
    yield* saSolverByLevel({ ...input, options: { ...input.options, ...input.options.asComfy } }, false);
    return;
  }
  const run = begin(input);
  const { model, x, steps, space, noise, options } = run;
  const sigmas = awayFromPureNoise(run.sigmas, space);
  const { predictorOrder = 2, correctorOrder = 2, lowerOrderFinal = true } = options;
  const algorithm: SaSolverAlgorithm = { predict: options.predict ?? "data" };
  const tauOf = options.tau ?? ((t: number) => (t >= 200 && t <= 800 ? 1 : 0));
  const tauAt = (i: number) => tauOf(options.timesteps?.[i] ?? 1000 * (1 - i / steps));
  const last = latentLike(x);
  const lastNoise = latentLike(x);
  const kept = Math.max(predictorOrder, correctorOrder - 1, 1);
  const places = placesLike(x, kept + 1);
  const place = algorithm.predict === "data" ? places : placesLike(x, 1);
  let history: Float32Array[] = [];
  let correctorUsed = 0;
  for (let i = 0; i < steps; i++) {
    const sigma = sigmas[i]!;
    const sigmaNext = sigmas[i + 1]!;
    const denoised = await model(x, sigma, i, place());
    const output = predictedOutput(algorithm.predict, space, sigma, x, denoised, places);
    const outputs = [output, ...history];
    if (i > 0) {
      const weights = saSolverWeights(
        space,
        algorithm,
        tauAt(i - 1),
        sigmas[i - 1]!,
        sigma,
        levels(i, correctorUsed),
        true,
      );
      if (weights) apply(weights, last, outputs);
    }
    history = outputs.slice(0, kept);
    const left = steps - i;
    const predictorUsed = Math.min(predictorOrder, lowerOrderFinal ? left : predictorOrder, i + 1);
    correctorUsed = Math.min(correctorOrder, lowerOrderFinal ? left + 1 : correctorOrder, i + 2);
    last.set(x);
    lastNoise.set(noise(sigma, sigmaNext));
    const weights = saSolverWeights(space, algorithm, tauAt(i), sigma, sigmaNext, levels(i, predictorUsed), false);
    if (weights) apply(weights, x, history);
    else exponentialStep(x, space, x, denoised, sigma, sigmaNext);
    yield { step: i + 1, steps, sigma, sigmaNext, x, denoised };
  }

  function apply({ x: keep, m, noise: std }: SaSolverWeights, from: Float32Array, outputs: Float32Array[]): void {
    blend(x, [keep, ...m, std], [from, ...outputs.slice(0, m.length), lastNoise]);
  }

  function levels(i: number, count: number): number[] {
    return Array.from({ length: count }, (_, k) => sigmas[i - k]!);
  }
}
