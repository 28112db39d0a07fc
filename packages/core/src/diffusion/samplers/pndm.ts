import { blend } from "../blend.ts";
import { begin, type SamplerInput, type SamplerStep } from "../sampler.ts";
import { alphaOf } from "../space.ts";
import { adamsBashforth, derivative, odeStep } from "./derivative.ts";

/**
 * One model call of {@link pndm} and the move it makes. `ab` is an Adams–Bashforth move from here; `heun` makes the last move again
 * with the mean of its two ends; `rk1` to `rk4` are the stages of a Runge–Kutta move, made from where `rk1` began.
 */
export interface PndmMove {
  /** The step the call belongs to. */
  index: number;
  /** The noise level the model is called at. */
  at: number;
  from: number;
  to: number;
  kind: "ab" | "heun" | "rk1" | "rk2" | "rk3" | "rk4";
}

/** What {@link pndm} takes. */
export interface PndmOptions {
  /** The moves, where they aren't simply the sigmas' (diffusers' strides). */
  moves?: (sigmas: Float64Array) => PndmMove[];
  /** Whether the multistep sum is made of ε (the default) or of the velocity v. */
  multistepOf?: "epsilon" | "v_prediction";
}

/**
 * Pseudo linear multistep: Liu et al. 2022, "Pseudo Numerical Methods for Diffusion Models on Manifolds"
 * (https://arxiv.org/abs/2202.09778), equations 9 to 13. One yield a model call.
 */
export async function* pndm(input: SamplerInput<PndmOptions>): AsyncGenerator<SamplerStep, void, void> {
  const { model, x, sigmas, space, options } = begin(input);
  const moves = options.moves?.(sigmas) ?? plmsMoves(sigmas);
  const ofVelocity = options.multistepOf === "v_prediction" && space === "vp";
  let history: Float32Array[] = [];
  let base = x.slice();
  const sum = new Float32Array(x.length);
  for (const [call, { index, at, from, to, kind }] of moves.entries()) {
    const denoised = await model(x, at, index);
    const output = new Float32Array(x.length);
    if (ofVelocity) blend(output, [alphaOf(space, at) / at, -1 / at], [x, denoised]);
    else derivative(output, space, x, denoised, at);
    let total: Float32Array;
    if (kind === "ab") {
      history = [output, ...history.slice(0, 3)];
      total = blend(new Float32Array(x.length), adamsBashforth[history.length - 1]!, history);
      base.set(x);
    } else if (kind === "heun") {
      total = blend(output, [1 / 2, 1 / 2], [output, history[0]!]);
    } else if (kind === "rk1") {
      history = [output, ...history.slice(0, 3)];
      blend(sum, [1 / 6], [output]);
      base = x.slice();
      total = output;
    } else if (kind === "rk4") {
      total = blend(output, [1, 1 / 6], [sum, output]);
    } else {
      blend(sum, [1, 1 / 3], [sum, output]);
      total = output;
    }
    if (ofVelocity) total = blend(new Float32Array(x.length), [alphaOf(space, from), from], [total, base]);
    odeStep(x, space, base, total, from, to);
    yield { step: call + 1, steps: moves.length, sigma: at, sigmaNext: to, x, denoised };
  }
}

/** PLMS over plain levels: the first step is made twice, then each with up to four past outputs. */
function plmsMoves(sigmas: Float64Array): PndmMove[] {
  const moves: PndmMove[] = [];
  for (let i = 0; i + 1 < sigmas.length; i++) {
    const [from, to] = [sigmas[i]!, sigmas[i + 1]!];
    moves.push({ index: i, at: from, from, to, kind: "ab" });
    if (i === 0 && to > 0) moves.push({ index: i, at: to, from, to, kind: "heun" });
  }
  return moves;
}
