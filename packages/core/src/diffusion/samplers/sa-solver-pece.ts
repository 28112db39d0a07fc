import { blend } from "../blend.ts";
import { latentLike, placesLike } from "../kernels/workspaces.ts";
import { begin, type SamplerInput, type SamplerStep } from "../sampler.ts";
import { awayFromPureNoise } from "./exponential-step.ts";
import { type SaSolverWeights, saSolverWeights } from "./sa-solver-weights.ts";

/** What {@link sa_solver_pece} takes. */
export interface SaSolverPeceOptions {
  /** Order of the predictor, 1 to 4; 3 unless given. */
  predictorOrder?: number;
  /** Order of the corrector, 1 to 4; 4 unless given. */
  correctorOrder?: number;
  /** τ within `tauRange`, 0 for none; 1 unless given. */
  eta?: number;
  /** The noise levels, higher first, between which there is noise; everywhere unless given. */
  tauRange?: readonly [number, number];
  /** The added noise's standard deviation. */
  sNoise?: number;
}

/**
 * SA-Solver in the PECE manner, whose corrected latent is looked at once more: Xue et al. 2023 (https://arxiv.org/abs/2309.05019), with
 * ComfyUI's orders and its range of noise by σ. Two model calls a step, one in the first.
 */
export function sa_solver_pece(input: SamplerInput<SaSolverPeceOptions>): AsyncGenerator<SamplerStep, void, void> {
  return saSolverByLevel(input, true);
}

/** SA-Solver as ComfyUI has it: τ goes by the level that a step leads to, and noise is drawn only where there is some. */
export async function* saSolverByLevel(
  input: SamplerInput<SaSolverPeceOptions>,
  evaluatesAgain: boolean,
): AsyncGenerator<SamplerStep, void, void> {
  const run = begin(input, ["ve", "flow"]);
  const { model, x, steps, space, noise, options } = run;
  const { predictorOrder = 3, correctorOrder = 4, eta = 1, tauRange = [Infinity, 0], sNoise = 1 } = options;
  const sigmas = awayFromPureNoise(run.sigmas, space);
  const endsAtZero = sigmas[steps] === 0;
  const kept = Math.max(predictorOrder, correctorOrder);
  const [base, lastNoise, again] = [latentLike(x), latentLike(x), latentLike(x)];
  const places = placesLike(x, kept + 1);
  const algorithm = { predict: "data", exact: true } as const;
  let history: Float32Array[] = [];
  let tau = 0;
  base.set(x);
  for (let i = 0; i < steps; i++) {
    const [sigma, sigmaNext] = [sigmas[i]!, sigmas[i + 1]!];
    let denoised = await model(x, sigma, i, places());
    history = [denoised, ...history].slice(0, kept);
    const correct = i > 0 && (sigmaNext > 0 || evaluatesAgain);
    const corrector = correct ? Math.min(correctorOrder, history.length, endsAtZero ? steps - i : kept) : 0;
    if (corrector > 0) {
      const weights = saSolverWeights(space, algorithm, tau, sigmas[i - 1]!, sigma, levels(i, corrector), true);
      if (weights) apply(weights, tau);
      if (evaluatesAgain) {
        denoised = await model(x, sigma, i, again);
        history[0]!.set(denoised);
      }
    }
    base.set(x);
    // From here on, `base` is the latent that the step begins at.
    if (sigmaNext === 0) x.set(denoised);
    else {
      tau = tauRange[0] >= sigmaNext && sigmaNext >= tauRange[1] ? eta : 0;
      const order = Math.min(predictorOrder, history.length, endsAtZero ? steps - 1 - i : kept);
      const weights = saSolverWeights(space, algorithm, tau, sigma, sigmaNext, levels(i, order), false);
      if (tau > 0 && sNoise > 0) lastNoise.set(noise(sigma, sigmaNext));
      if (weights) apply(weights, tau);
    }
    yield { step: i + 1, steps, sigma, sigmaNext, x, denoised };
  }

  /** From the latent that the step began at. */
  function apply({ x: keep, m, noise: std }: SaSolverWeights, strength: number): void {
    const weight = strength > 0 ? std * sNoise : 0;
    blend(x, [keep, ...m, weight], [base, ...history.slice(0, m.length), lastNoise]);
  }

  function levels(i: number, count: number): number[] {
    return Array.from({ length: count }, (_, k) => sigmas[i - k]!);
  }
}
