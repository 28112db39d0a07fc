import { blend } from "../blend.ts";
import { latentLike, placesLike } from "../kernels/workspaces.ts";
import { begin, type SamplerInput, type SamplerStep } from "../sampler.ts";
import { adamsBashforth, derivative, odeWeights } from "./derivative.ts";
import { risingRun } from "./lms.ts";

/** What {@link ipndm} and {@link ipndm_v} take. */
export interface IpndmOptions {
  /** How many derivatives to use, 1 to 4 (the default). */
  order?: number;
}

/**
 * iPNDM, improved pseudo linear multistep: Zhang & Chen 2022 (https://arxiv.org/abs/2204.13902), after Liu et al. 2022
 * (https://arxiv.org/abs/2202.09778). Adams–Bashforth for even steps, without PNDM's warm-up.
 */
export async function* ipndm(input: SamplerInput<IpndmOptions>): AsyncGenerator<SamplerStep, void, void> {
  yield* multistep(input, (_sigmas, i, order) => adamsBashforth[Math.min(order, i + 1) - 1]!);
}

/** {@link ipndm} with the Adams–Bashforth weights of uneven steps. */
export async function* ipndm_v(input: SamplerInput<IpndmOptions>): AsyncGenerator<SamplerStep, void, void> {
  yield* multistep(input, unevenWeights);
}

async function* multistep(
  input: SamplerInput<IpndmOptions>,
  weightsAt: (sigmas: Float64Array, i: number, order: number) => readonly number[],
): AsyncGenerator<SamplerStep, void, void> {
  const { model, x, sigmas, steps, space, options } = begin(input);
  const { order = 4 } = options;
  const places = placesLike(x, order);
  let history: Float32Array[] = [];
  const place = latentLike(x);
  for (let i = 0; i < steps; i++) {
    const sigma = sigmas[i]!;
    const sigmaNext = sigmas[i + 1]!;
    const denoised = await model(x, sigma, i, place);
    history = [derivative(places(), space, x, denoised, sigma), ...history.slice(0, order - 1)];
    // diffusers' own scheduler takes the last step at full order; the k-diffusion kind goes straight to x0.
    if (sigmaNext === 0 && space !== "vp") x.set(denoised);
    else {
      const { keep, reach } = odeWeights(space, sigma, sigmaNext);
      const weights = weightsAt(sigmas, i, order).map((weight) => weight * reach);
      blend(x, [keep, ...weights], [x, ...history]);
    }
    yield { step: i + 1, steps, sigma, sigmaNext, x, denoised };
  }
}

/** The weights of diff-sampler's iPNDM-v, in which the last steps' lengths h_n, h_{n−1}, … enter. */
function unevenWeights(sigmas: Float64Array, i: number, order: number): number[] {
  const used = sigmas[i + 1] === sigmas[i] ? 1 : risingRun(sigmas, i, Math.min(order, i + 1));
  const length = (k: number) => sigmas[i + 1 - k]! - sigmas[i - k]!;
  if (used === 1) return [1];
  const [h, h1] = [length(0), length(1)];
  const two = [(2 + h / h1) / 2, -(h / h1) / 2] as const;
  if (used === 2) return [...two];
  const h2 = length(2);
  const base = (1 - h / (3 * (h + h1))) / 2;
  const t1 = (1 - ((h / (3 * (h + h1))) * (h * (h + h1))) / (h1 * (h1 + h2))) / 2;
  const three = [two[0] + t1, two[1] - (1 + h1 / h2) * t1, (t1 * h1) / h2] as const;
  if (used === 3) return [...three];
  const h3 = length(3);
  const t2 =
    ((base + ((1 - h / (2 * (h + h1))) * h) / (6 * (h + h1 + h2))) * (h * (h + h1) * (h + h1 + h2))) /
    (h1 * (h1 + h2) * (h1 + h2 + h3));
  const q = (h1 * (h1 + h2)) / (h2 * (h2 + h3));
  return [
    three[0] + t2,
    three[1] - (1 + h1 / h2 + q) * t2,
    three[2] + (h1 / h2 + q * (1 + h2 / h3)) * t2,
    (-t2 * q * h1) / h2,
  ];
}
