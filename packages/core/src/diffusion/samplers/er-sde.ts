import { blend, blend2 } from "../blend.ts";
import { placesLike } from "../kernels/workspaces.ts";
import { begin, type SamplerInput, type SamplerStep } from "../sampler.ts";
import { alphaOf, ratioOf } from "../space.ts";
import { awayFromPureNoise } from "./exponential-step.ts";

/** What {@link er_sde} takes. */
export interface ErSdeOptions {
  /** The added noise's standard deviation. */
  sNoise?: number;
  /** The highest order, 1 to 3 (the default). */
  order?: number;
}

/** φ of the paper's ER-SDE 5, which sets how much noise each level keeps. */
const noiseScale = (lambda: number): number => lambda * (Math.exp(lambda ** 0.3) + 10);
const POINTS = 200;

/**
 * The extended reverse-time SDE solver, ER-SDE-Solver-3: Cui et al. 2023 (https://arxiv.org/abs/2309.06169), in data prediction, with
 * λ = σ/α.
 */
export async function* er_sde(input: SamplerInput<ErSdeOptions>): AsyncGenerator<SamplerStep, void, void> {
  const run = begin(input);
  const { model, x, steps, space, noise, options } = run;
  const sigmas = awayFromPureNoise(run.sigmas, space);
  const { sNoise = 1, order = 3 } = options;
  const lambdas = sigmas.map((sigma) => ratioOf(space, sigma));
  // Of the last steps: x0 and, in divided differences, its slope.
  const [place, places] = [placesLike(x, 2), placesLike(x, 2)];
  let previous: Float32Array | undefined;
  let previousSlope: Float32Array | undefined;
  for (let i = 0; i < steps; i++) {
    const sigma = sigmas[i]!;
    const sigmaNext = sigmas[i + 1]!;
    const denoised = await model(x, sigma, i, place());
    if (sigmaNext === 0) x.set(denoised);
    else {
      const [s, t] = [lambdas[i]!, lambdas[i + 1]!];
      const alphaNext = alphaOf(space, sigmaNext);
      const r = noiseScale(t) / noiseScale(s);
      blend2(x, (alphaNext / alphaOf(space, sigma)) * r, x, alphaNext * (1 - r), denoised);
      const stages = Math.min(order, i + 1);
      let slope: Float32Array | undefined;
      if (stages >= 2 && previous && s !== lambdas[i - 1]) {
        const { plain, weighted } = integrals(s, t);
        const dt = t - s;
        const reach = 1 / (s - lambdas[i - 1]!);
        slope = blend2(places(), reach, denoised, -reach, previous);
        blend2(x, 1, x, alphaNext * (dt + plain * noiseScale(t)), slope);
        if (stages >= 3 && previousSlope) {
          const weight = (alphaNext * (dt ** 2 / 2 + weighted * noiseScale(t)) * 2) / (s - lambdas[i - 2]!);
          blend(x, [1, weight, -weight], [x, slope, previousSlope]);
        }
      }
      const std = sNoise * alphaNext * Math.sqrt(Math.max(0, t ** 2 - (s * r) ** 2));
      if (sNoise > 0) blend2(x, 1, x, std, noise(sigma, sigmaNext));
      previousSlope = slope;
    }
    previous = denoised;
    yield { step: i + 1, steps, sigma, sigmaNext, x, denoised };
  }
}

/** ∫ 1/φ and ∫ (λ − s)/φ over the step, as the left Riemann sums of 200 points that the reference takes. */
function integrals(s: number, t: number): { plain: number; weighted: number } {
  const width = (s - t) / POINTS;
  let [plain, weighted] = [0, 0];
  for (let k = 0; k < POINTS; k++) {
    const lambda = t + k * width;
    plain += width / noiseScale(lambda);
    weighted += (width * (lambda - s)) / noiseScale(lambda);
  }
  return { plain, weighted };
}
