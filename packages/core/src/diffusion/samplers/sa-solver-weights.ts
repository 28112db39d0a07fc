import { alphaOf, lambdaOf, type Space } from "../space.ts";

/** What SA-Solver extrapolates: x0 (`data`) or ε (`noise`). */
export interface SaSolverAlgorithm {
  predict: "data" | "noise";
  /** Take the integral in the second order too, where the paper's implementation has a simpler form (diffusers follows that). */
  exact?: boolean;
}

/** A step as a weighted sum of x, of the outputs (newest first) and of the noise. */
export interface SaSolverWeights {
  x: number;
  m: number[];
  noise: number;
}

/**
 * The stochastic Adams–Bashforth (predictor) or Adams–Moulton (corrector) weights from `from` to `to` through the outputs at `levels`:
 * equations 14 to 17 of Xue et al. 2023 (https://arxiv.org/abs/2309.05019). Undefined for a step without length or to σ = 0.
 */
export function saSolverWeights(
  space: Space,
  { predict, exact = false }: SaSolverAlgorithm,
  tau: number,
  from: number,
  to: number,
  levels: readonly number[],
  corrector: boolean,
): SaSolverWeights | undefined {
  const [start, end] = [lambdaOf(space, from), lambdaOf(space, to)];
  const h = end - start;
  if (!Number.isFinite(h) || h < 0) return undefined;
  const all = levels.map((level) => lambdaOf(space, level));
  const usable = all.findIndex((lambda, k) => !Number.isFinite(lambda) || (k > 0 && lambda >= all[k - 1]!));
  const lambdas = usable < 0 ? all : all.slice(0, usable);
  const rate = 1 + tau ** 2;
  const polynomials = lambdas.map((_, i) => lagrange(lambdas, i));
  if (predict === "noise") {
    const alphaTo = alphaOf(space, to);
    const m = polynomials.map((c) => -rate * alphaTo * integrate(c, start, end, -1));
    return { x: alphaTo / alphaOf(space, from), m, noise: tau * to * Math.sqrt(Math.expm1(2 * h)) };
  }
  const m = polynomials.map((c) => integrate(c, start, end, rate));
  if (lambdas.length === 2 && !exact) {
    // The paper's second-order weights differ from the integral by a term of the third order.
    const rest = (h * rate - 1 + Math.exp(-rate * h)) / rate ** 2;
    const shift = corrector ? h / 2 - (h > 0 ? rest / h : 0) : (h ** 2 / 2 - rest) / (start - lambdas[1]!);
    m[0]! += Math.exp(rate * end) * shift;
    m[1]! -= Math.exp(rate * end) * shift;
  }
  const scale = rate * to * Math.exp(-(tau ** 2) * end);
  return {
    x: Math.exp(-(tau ** 2) * h) * (to / from),
    m: m.map((weight) => scale * weight),
    noise: to * Math.sqrt(-Math.expm1(-2 * tau ** 2 * h)),
  };
}

/** The coefficients, lowest power first, of the i-th Lagrange polynomial through `points`. */
function lagrange(points: readonly number[], i: number): number[] {
  let coefficients = [1];
  for (const [j, point] of points.entries()) {
    if (j === i) continue;
    const scale = 1 / (points[i]! - point);
    const next = new Array<number>(coefficients.length + 1).fill(0);
    for (const [k, value] of coefficients.entries()) {
      next[k]! -= value * point * scale;
      next[k + 1]! += value * scale;
    }
    coefficients = next;
  }
  return coefficients;
}

/** ∫ p(λ)·e^{rate·λ} dλ from `start` to `end`, by parts. */
function integrate(coefficients: readonly number[], start: number, end: number, rate: number): number {
  const antiderivative = (lambda: number) => {
    let derivatives = coefficients;
    let [sum, factor] = [0, 1 / rate];
    while (derivatives.length > 0) {
      sum += factor * derivatives.reduceRight((value, c) => value * lambda + c, 0);
      derivatives = derivatives.slice(1).map((c, k) => c * (k + 1));
      factor = -factor / rate;
    }
    return Math.exp(rate * lambda) * sum;
  };
  return antiderivative(end) - antiderivative(start);
}
