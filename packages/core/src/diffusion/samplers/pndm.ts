import { blend } from "../blend.ts";
import { madeWhenSeen, nextLike } from "../estimate.ts";
import { latentLike, placesLike } from "../kernels/workspaces.ts";
import { begin, type SamplerInput, type SamplerStep } from "../sampler.ts";
import { alphaOf } from "../space.ts";
import { adamsBashforth, odeStep, odeWeights } from "./derivative.ts";

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
  const { estimate, sigmas, space, options, ...run } = begin(input);
  let [x, next] = [run.x, nextLike(run.x)];
  const moves = options.moves?.(sigmas) ?? plmsMoves(sigmas);
  const ofVelocity = options.multistepOf === "v_prediction" && space === "vp";
  const places = placesLike(x, 4);
  let history: Float32Array[] = [];
  const base = latentLike(x);
  const sum = latentLike(x);
  const total = latentLike(x);
  for (const [call, { index, at, from, to, kind }] of moves.entries()) {
    const x0 = await estimate(x, at, index);
    const begins = isBegin(kind);
    const output = begins ? places() : total;
    if (ofVelocity) x0.sum(output, alphaOf(space, at) / at, -1 / at);
    else x0.direction(output, space, at);
    if (begins) {
      history = [output, ...history.slice(0, 3)];
      // Only the moves that are made from here again need to know where it was.
      if (kind !== "ab" || ofVelocity || !isBegin(moves[call + 1]?.kind ?? "ab")) base.set(x);
    }
    if (kind === "ab" && !ofVelocity) {
      const { keep, reach } = odeWeights(space, from, to);
      const weights = adamsBashforth[history.length - 1]!.map((weight) => weight * reach);
      blend(next, [keep, ...weights], [x, ...history]);
    } else {
      if (kind === "ab") blend(total, adamsBashforth[history.length - 1]!, history);
      else if (kind === "heun") blend(total, [1 / 2, 1 / 2], [output, history[0]!]);
      else if (kind === "rk4") blend(total, [1, 1 / 6], [sum, output]);
      else {
        blend(sum, kind === "rk1" ? [1 / 6] : [1, 1 / 3], kind === "rk1" ? [output] : [sum, output]);
        total.set(output);
      }
      if (ofVelocity) blend(total, [alphaOf(space, from), from], [total, base]);
      odeStep(next, space, base, total, from, to);
    }
    [x, next] = [next, x];
    yield madeWhenSeen({ step: call + 1, steps: moves.length, sigma: at, sigmaNext: to, x }, x0);
  }
}

/** Whether a move is made from a latent of its own, and not again from the last one's. */
function isBegin(kind: PndmMove["kind"]): boolean {
  return kind === "ab" || kind === "rk1";
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
