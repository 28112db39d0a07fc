import { alphaOf, lambdaOf, type Space } from "../space.ts";

/** Which quantity a DPM-Solver extrapolates, how, and with how much noise. */
export interface DpmAlgorithm {
  /** `data` is DPM-Solver++ (x0), `noise` is DPM-Solver (ε). */
  predict: "data" | "noise";
  /** The second-order formula. */
  solver: "midpoint" | "heun";
  /** η of the SDE variants: 0 is the ODE, 1 the full SDE. */
  eta: number;
  /** Follow diffusers, whose third-order SDE formula has its ½ with the other sign than the paper's φ₃. */
  asDiffusers?: boolean;
}

/** The step as a weighted sum: `x·x + Σ m[k]·m_k + noise·noise`, the model's outputs newest first. */
export interface DpmWeights {
  x: number;
  m: number[];
  noise: number;
}

/**
 * A multistep DPM-Solver step from `levels[0]` to `next`, of as high an order as there are levels (newest first, at most 3).
 * Lu et al. 2022, DPM-Solver++ (https://arxiv.org/abs/2211.01095), appendices B and D, and its SDE forms.
 */
export function dpmWeights(space: Space, algorithm: DpmAlgorithm, next: number, levels: readonly number[]): DpmWeights {
  const now = levels[0]!;
  const first = firstOrder(space, algorithm, next, now);
  const lambdas = levels.map((sigma) => lambdaOf(space, sigma));
  const h = lambdaOf(space, next) - lambdas[0]!;
  // Where α or σ is 0 a λ is infinite, and only the first order has a limit.
  const usable = lambdas.findIndex((lambda, k) => k > 0 && !(lambdas[k - 1]! - lambda > 0 && Number.isFinite(lambda)));
  const order = Number.isFinite(h) && h > 0 ? (usable < 0 ? levels.length : usable) : 1;
  if (order === 1) return first;
  const [c1, c2] = dpmSlopes(space, algorithm, next, h, order);
  const r0 = (lambdas[0]! - lambdas[1]!) / h;
  if (order === 2) return { ...first, m: [first.m[0]! + c1 / r0, -c1 / r0] };
  const r1 = (lambdas[1]! - lambdas[2]!) / h;
  return { ...first, m: addThird(first.m[0]!, c1, c2, r0, r1) };
}

/** D1 and D2 of the third-order formula, by weights of m0, m1, m2. */
function addThird(m0: number, c1: number, c2: number, r0: number, r1: number): number[] {
  const slope0 = c1 * (1 + r0 / (r0 + r1)) + c2 / (r0 + r1);
  const slope1 = -c1 * (r0 / (r0 + r1)) - c2 / (r0 + r1);
  return [m0 + slope0 / r0, -slope0 / r0 + slope1 / r1, -slope1 / r1];
}

function firstOrder(space: Space, { predict, eta }: DpmAlgorithm, next: number, now: number): DpmWeights {
  const [alpha, alphaNext] = [alphaOf(space, now), alphaOf(space, next)];
  if (next === 0) return predict === "data" ? { x: 0, m: [alphaNext], noise: 0 } : noiseToZero(alpha, now);
  const h = lambdaOf(space, next) - lambdaOf(space, now);
  if (predict === "noise")
    return {
      x: alphaNext / alpha,
      m: [-(1 + eta) * next * Math.expm1(h)],
      noise: eta === 0 ? 0 : next * Math.sqrt(Math.expm1(2 * h)),
    };
  const etaH = eta === 0 ? 0 : eta * h;
  return {
    x: (next / now) * Math.exp(-etaH),
    // α'(1 − e^−h) without the λ, so that α = 0 is no special case of the ODE.
    m: [eta === 0 ? alphaNext - (alpha * next) / now : -alphaNext * Math.expm1(-h - etaH)],
    noise: eta === 0 ? 0 : next * Math.sqrt(-Math.expm1(-2 * etaH)),
  };
}

function noiseToZero(alpha: number, now: number): DpmWeights {
  return { x: 1 / alpha, m: [-now / alpha], noise: 0 };
}

/** The weights of D1 and, in the third order, of D2, for a step of λ-length `h`. */
export function dpmSlopes(
  space: Space,
  { predict, solver, eta, asDiffusers = false }: DpmAlgorithm,
  next: number,
  h: number,
  order: number,
): [number, number] {
  if (predict === "data") {
    const scale = alphaOf(space, next);
    const H = h * (1 + eta);
    const phi2 = Math.expm1(-H) / H + 1;
    if (order === 2) return [solver === "midpoint" ? -0.5 * scale * Math.expm1(-H) : scale * phi2, 0];
    return [scale * phi2, -scale * (phi2 / H + (asDiffusers && eta > 0 ? 0.5 : -0.5))];
  }
  const scale = -(1 + eta) * next;
  const phi2 = Math.expm1(h) / h - 1;
  if (order === 2) return [solver === "midpoint" ? 0.5 * scale * Math.expm1(h) : scale * phi2, 0];
  return [scale * phi2, scale * (phi2 / h - 0.5)];
}
