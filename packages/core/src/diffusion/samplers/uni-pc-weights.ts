import { alphaOf, lambdaOf, type Space } from "../space.ts";

/** What UniPC extrapolates, x0 (`data`) or ε (`noise`), and its function B(h): h (bh1) or e^h − 1 (bh2). */
export interface UniPcAlgorithm {
  predict: "data" | "noise";
  bh: "bh1" | "bh2";
}

/** A step as a weighted sum: of x, of the outputs so far (newest first), and for the corrector of the output at the target. */
export interface UniPcWeights {
  x: number;
  m: number[];
  now: number;
}

/**
 * The predictor's or corrector's weights for a step from `levels[0]` to `target`; `levels` (newest first) sets the order. Algorithms 5
 * to 8 of Zhao et al. 2023 (https://arxiv.org/abs/2302.04867). Undefined where there is nothing to correct with.
 */
export function uniPcWeights(
  space: Space,
  { predict, bh }: UniPcAlgorithm,
  levels: readonly number[],
  target: number,
  corrector: boolean,
): UniPcWeights | undefined {
  const from = levels[0]!;
  const data = predict === "data";
  const [alpha, alphaTo] = [alphaOf(space, from), alphaOf(space, target)];
  const first: UniPcWeights = data
    ? { x: target / from, m: [alphaTo - (alpha * target) / from], now: 0 }
    : { x: alphaTo / alpha, m: [target - (alphaTo * from) / alpha], now: 0 };
  const lambda = lambdaOf(space, from);
  const h = lambdaOf(space, target) - lambda;
  if (!(h > 0) || !Number.isFinite(h)) return corrector ? undefined : first;
  const reach = levels.slice(1).map((level) => (lambdaOf(space, level) - lambda) / h);
  // A level equal to another, or without a finite λ, has nothing to say.
  const usable = reach.findIndex((r, k) => !Number.isFinite(r) || r >= (k === 0 ? 0 : reach[k - 1]!));
  const r = usable < 0 ? reach : reach.slice(0, usable);
  const hh = data ? -h : h;
  const b = bh === "bh1" ? hh : Math.expm1(hh);
  const rhos = corrector ? correctorRhos([...r, 1], hh, b) : predictorRhos(r, hh, b);
  const scale = -(data ? alphaTo : target) * b;
  // D1_k = (m_k − m0) / r_k; the corrector's last is the new output's, with r = 1.
  const m = [first.m[0]!, ...r.map((reached, k) => (scale * rhos[k]!) / reached)];
  const now = corrector ? scale * rhos[rhos.length - 1]! : 0;
  m[0]! -= now + m.slice(1).reduce((sum, weight) => sum + weight, 0);
  return { x: first.x, m, now };
}

function predictorRhos(r: readonly number[], hh: number, b: number): number[] {
  if (r.length < 2) return r.map(() => 1 / 2);
  return solve(powers(r), phis(r.length, hh, b));
}

function correctorRhos(r: readonly number[], hh: number, b: number): number[] {
  if (r.length < 2) return [1 / 2];
  return solve(powers(r), phis(r.length, hh, b));
}

function powers(r: readonly number[]): number[][] {
  return r.map((_, i) => r.map((value) => value ** i));
}

/** b_k = k!·φ_{k+1}(hh)·hh / B(h). */
function phis(order: number, hh: number, b: number): number[] {
  let phi = Math.expm1(hh) / hh - 1;
  let factorial = 1;
  return Array.from({ length: order }, (_, k) => {
    const value = (phi * factorial) / b;
    factorial *= k + 2;
    phi = phi / hh - 1 / factorial;
    return value;
  });
}

/** Gaussian elimination with pivots, for the few equations that an order needs. */
function solve(matrix: number[][], right: number[]): number[] {
  const n = right.length;
  const rows = matrix.map((row, i) => [...row, right[i]!]);
  for (let column = 0; column < n; column++) {
    const order = rows.slice(column).sort((p, q) => Math.abs(q[column]!) - Math.abs(p[column]!));
    rows.splice(column, n - column, ...order);
    const pivot = rows[column]!;
    for (const row of rows.slice(column + 1)) {
      const factor = row[column]! / pivot[column]!;
      for (let k = column; k <= n; k++) row[k]! -= factor * pivot[k]!;
    }
  }
  const out = new Array<number>(n).fill(0);
  for (let i = n - 1; i >= 0; i--) {
    const row = rows[i]!;
    let sum = row[n]!;
    for (let k = i + 1; k < n; k++) sum -= row[k]! * out[k]!;
    out[i] = sum / row[i]!;
  }
  return out;
}
