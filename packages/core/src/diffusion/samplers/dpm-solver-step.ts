import { blend } from "../blend.ts";
import type { Denoiser } from "../sampler.ts";

/** Where a step's second and third calls are, as shares of its length in λ. */
export const [R1, R2] = [1 / 3, 2 / 3] as const;

/** A step of singlestep DPM-Solver: from σ to σ', with h = log(σ/σ') and the outputs ε of its calls so far. */
export interface DpmStep {
  from: number;
  to: number;
  outputs: readonly Float32Array[];
}

const levelAt = ({ from, to }: Pick<DpmStep, "from" | "to">, share: number): number =>
  share === 0 ? from : share === 1 ? to : from ** (1 - share) * to ** share;

/**
 * `out ←` x moved along a step by singlestep DPM-Solver of order 1 to 3, which looks at as many outputs: algorithms 1 and 2 of Lu et al.
 * 2022 (https://arxiv.org/abs/2206.00927), appendix D.2 for the third, with α = 1. `r1` is where the second order's second call was.
 */
export function dpmMove(out: Float32Array, x: Float32Array, step: DpmStep, order: number, r1: number): Float32Array {
  const { from, to, outputs } = step;
  const [first, second, third] = outputs;
  const whole = to - from;
  if (order === 1) return blend(out, [1, whole], [x, first!]);
  if (order === 2) {
    const slope = whole / (2 * r1);
    return blend(out, [1, whole - slope, slope], [x, first!, second!]);
  }
  const h = Math.log(from / to);
  const slope = (to / R2) * (1 - Math.expm1(h) / h);
  return blend(out, [1, whole - slope, slope], [x, first!, third!]);
}

/** Calls the model in a step as often as `order` says; `places` give an array for each output ε, `trial` is written over. */
export async function dpmCalls(
  call: Denoiser,
  x: Float32Array,
  { from, to }: Pick<DpmStep, "from" | "to">,
  order: number,
  r1: number,
  { index, trial, place, places }: DpmRoom,
): Promise<{ outputs: Float32Array[]; denoised: Float32Array }> {
  const outputs: Float32Array[] = [];
  const ask = async (at: Float32Array, sigma: number) => {
    const denoised = await call(at, sigma, index(), place);
    outputs.push(blend(places(), [1 / sigma, -1 / sigma], [at, denoised]));
    return denoised;
  };
  let denoised = await ask(x, from);
  if (order >= 2) {
    const middle = levelAt({ from, to }, r1);
    blend(trial, [1, middle - from], [x, outputs[0]!]);
    denoised = await ask(trial, middle);
  }
  if (order >= 3) {
    const middle = levelAt({ from, to }, R2);
    const h = R2 * Math.log(from / to);
    const slope = middle * (R2 / r1) * (1 - Math.expm1(h) / h);
    blend(trial, [1, middle - from - slope, slope], [x, outputs[0]!, outputs[1]!]);
    denoised = await ask(trial, middle);
  }
  return { outputs, denoised };
}

/** Arrays and counters of a run. */
export interface DpmRoom {
  /** The step that a call is told to belong to. */
  index: () => number;
  trial: Float32Array;
  place: Float32Array;
  places: () => Float32Array;
}
