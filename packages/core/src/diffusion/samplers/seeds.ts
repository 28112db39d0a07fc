import { blend } from "../blend.ts";
import { latentLike, placesLike } from "../kernels/workspaces.ts";
import { begin, type SamplerInput, type SamplerStep } from "../sampler.ts";
import { alphaOf, fromRatio, lambdaOf } from "../space.ts";
import { awayFromPureNoise } from "./exponential-step.ts";

/** What the SEEDS samplers take. */
export interface SeedsOptions {
  /** 0 is deterministic, 1 (the default) the full SDE. */
  eta?: number;
  /** The added noise's standard deviation. */
  sNoise?: number;
  /** Where the middle call of {@link seeds_2} is, as a share of the step's length in λ; ½ unless given. */
  r?: number;
  /** How {@link seeds_2} weighs its two calls: `phi_1`, the default, or `phi_2`. */
  solver?: "phi_1" | "phi_2";
}

/**
 * SEEDS-2, a stochastic exponential derivative-free solver of two stages, in data prediction: Gonzalez et al. 2023
 * (https://arxiv.org/abs/2305.14267).
 */
export function seeds_2(input: SamplerInput<SeedsOptions>): AsyncGenerator<SamplerStep, void, void> {
  const { r = 0.5, solver = "phi_1" } = input.options ?? {};
  return stages(input, [r], (H) => {
    if (solver === "phi_1")
      return [[Math.expm1(-H * r)], [(1 - 1 / (2 * r)) * Math.expm1(-H), Math.expm1(-H) / (2 * r)]];
    const b2 = phi2(-H) / r;
    return [[Math.expm1(-H * r)], [Math.expm1(-H) - b2, b2]];
  });
}

/** SEEDS-3: three stages, at a third and two thirds of the step. Gonzalez et al. 2023 (https://arxiv.org/abs/2305.14267). */
export function seeds_3(input: SamplerInput<SeedsOptions>): AsyncGenerator<SamplerStep, void, void> {
  const [r1, r2] = [1 / 3, 2 / 3];
  return stages(input, [r1, r2], (H) => {
    const a2 = (r2 / r1) * phi2(-r2 * H);
    const b3 = phi2(-H) / r2;
    return [[Math.expm1(-r1 * H)], [Math.expm1(-r2 * H) - a2, a2], [Math.expm1(-H) - b3, 0, b3]];
  });
}

/** The exponential form of Heun's method in x0 and λ, deterministic: SEEDS-2's formula with r = 1 and φ₂ weights. */
export function exp_heun_2_x0(input: SamplerInput<SeedsOptions>): AsyncGenerator<SamplerStep, void, void> {
  return seeds_2({ ...input, options: { solver: "phi_2", ...input.options, eta: 0, r: 1 } });
}

/** {@link exp_heun_2_x0} on the reverse SDE. */
export function exp_heun_2_x0_sde(input: SamplerInput<SeedsOptions>): AsyncGenerator<SamplerStep, void, void> {
  return seeds_2({ ...input, options: { solver: "phi_2", ...input.options, r: 1 } });
}

/** h·φ₂(h) = (e^h − 1 − h)/h. */
function phi2(h: number): number {
  return h === 0 ? 0 : (Math.expm1(h) - h) / h;
}

/**
 * Runs a step's stages: one model call at each of `middles` (shares of the step in λ), each from the stage weights of the outputs so
 * far, with one path of noise that grows from stage to stage.
 */
async function* stages(
  input: SamplerInput<SeedsOptions>,
  middles: readonly number[],
  weightsOf: (h: number) => number[][],
): AsyncGenerator<SamplerStep, void, void> {
  const run = begin(input);
  const { model, x, steps, space, noise, options } = run;
  const sigmas = awayFromPureNoise(run.sigmas, space);
  const { eta = 1, sNoise = 1 } = options;
  const trial = latentLike(x);
  const path = latentLike(x);
  const place = placesLike(x, middles.length + 1);
  for (let i = 0; i < steps; i++) {
    const sigma = sigmas[i]!;
    const sigmaNext = sigmas[i + 1]!;
    const outputs = [await model(x, sigma, i, place())];
    if (sigmaNext === 0) x.set(outputs[0]!);
    else {
      const lambda = lambdaOf(space, sigma);
      const h = lambdaOf(space, sigmaNext) - lambda;
      const weights = weightsOf(h * (1 + eta));
      let reached = 0;
      let from = sigma;
      for (const [stage, share] of [...middles, 1].entries()) {
        const to = share === 1 ? sigmaNext : fromRatio(space, Math.exp(-(lambda + share * h)));
        const out = stage === middles.length ? x : trial;
        const alpha = alphaOf(space, to);
        const keep = (to / sigma) * Math.exp(-share * h * eta);
        blend(out, [keep, ...weights[stage]!.map((weight) => -alpha * weight)], [x, ...outputs]);
        if (eta > 0 && sNoise > 0) {
          const segment = (share - reached) * h * eta;
          const fresh = Math.sqrt(-Math.expm1(-2 * segment));
          if (stage === 0) blend(path, [fresh], [noise(from, to)]);
          else blend(path, [Math.exp(-segment), fresh], [path, noise(from, to)]);
          blend(out, [1, to * sNoise], [out, path]);
        }
        if (stage < middles.length) outputs.push(await model(trial, to, i, place()));
        reached = share;
        from = to;
      }
    }
    yield { step: i + 1, steps, sigma, sigmaNext, x, denoised: outputs[0]! };
  }
}
