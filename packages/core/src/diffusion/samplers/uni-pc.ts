import { blend } from "../blend.ts";
import { latentLike, placesLike } from "../kernels/workspaces.ts";
import { begin, type SamplerInput, type SamplerStep } from "../sampler.ts";
import { predictedOutput } from "./predicted-output.ts";
import { type UniPcAlgorithm, uniPcWeights } from "./uni-pc-weights.ts";

/** What {@link uni_pc} takes. */
export interface UniPcOptions extends Partial<UniPcAlgorithm> {
  /** 1 to 4; 3 unless given. */
  order?: number;
  /** Lower the order towards the end: 1 in the last step, 2 in the one before it …; on unless given. */
  lowerOrderFinal?: boolean;
  /** Follow ComfyUI: every σ is taken for k-diffusion's, the end is at σ = 0.001, and n steps have an order of at most n − 1. */
  asComfy?: boolean;
  /** Steps (from 0) after which nothing is corrected. */
  disableCorrector?: readonly number[];
}

/**
 * UniPC: a unified predictor-corrector, Zhao et al. 2023 (https://arxiv.org/abs/2302.04867), multistep, with B(h) = h (bh1). The
 * corrector reuses the next step's model call, so it costs none.
 */
export async function* uni_pc(input: SamplerInput<UniPcOptions>): AsyncGenerator<SamplerStep, void, void> {
  const asComfy = input.options?.asComfy === true;
  const run = begin(asComfy ? { ...input, space: "ve" } : input);
  const { model, x, steps, space, options } = run;
  const { lowerOrderFinal = true, disableCorrector = [] } = options;
  const order = Math.min(options.order ?? 3, asComfy ? Math.max(1, steps - 1) : Infinity);
  const sigmas = asComfy ? liftEnd(run.sigmas) : run.sigmas;
  const algorithm: UniPcAlgorithm = { predict: options.predict ?? "data", bh: options.bh ?? "bh1" };
  const last = latentLike(x);
  const places = placesLike(x, order + 1);
  const place = algorithm.predict === "data" ? places : placesLike(x, 1);
  let history: Float32Array[] = [];
  let used = 0;
  for (let i = 0; i < steps; i++) {
    const sigma = sigmas[i]!;
    const sigmaNext = sigmas[i + 1]!;
    const denoised = await model(x, sigma, i, place());
    const output = predictedOutput(algorithm.predict, space, sigma, x, denoised, places);
    const corrects = i > 0 && !disableCorrector.includes(i - 1);
    const corrector = corrects ? uniPcWeights(space, algorithm, levelsBefore(i - 1, used), sigma, true) : undefined;
    // From here on, `last` is the latent that the step begins at.
    if (corrector) blend(last, [corrector.x, corrector.now, ...corrector.m], [last, output, ...history]);
    else last.set(x);
    history = [output, ...history.slice(0, order - 1)];
    used = Math.min(order, history.length, lowerOrderFinal ? steps - i : order, sigmaNext === 0 ? 1 : order);
    const weights = uniPcWeights(space, algorithm, levelsBefore(i, used), sigmaNext, false);
    if (weights) blend(x, [weights.x, ...weights.m], [last, ...history]);
    else x.set(last);
    yield { step: i + 1, steps, sigma, sigmaNext, x, denoised };
  }

  function levelsBefore(i: number, count: number): number[] {
    return Array.from({ length: count }, (_, k) => sigmas[i - k]!);
  }
}

/** The levels with their 0 at the end lifted to 0.001. */
function liftEnd(sigmas: Float64Array): Float64Array {
  const last = sigmas.length - 1;
  return sigmas[last] === 0 ? sigmas.with(last, Math.min(0.001, sigmas[last - 1]!)) : sigmas;
}

/** {@link uni_pc} with B(h) = e^h − 1 (bh2). */
export function uni_pc_bh2(input: SamplerInput<UniPcOptions>): AsyncGenerator<SamplerStep, void, void> {
  return uni_pc({ ...input, options: { bh: "bh2", ...input.options } });
}
