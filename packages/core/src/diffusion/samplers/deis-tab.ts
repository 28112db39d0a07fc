// tAB-DEIS of Zhang & Chen 2022 (https://arxiv.org/abs/2204.13902) in the form of diff-sampler, which ComfyUI's `deis` is: the polynomial is
// in the time t of a linear-β VP process whose σ runs from 0.002 to 80, whatever the model's own process is.
const [SIGMA_MIN, SIGMA_MAX, EPSILON, POINTS] = [0.002, 80, 1e-3, 10_000];
const [logMin, logMax] = [Math.log1p(SIGMA_MIN ** 2), Math.log1p(SIGMA_MAX ** 2)];
const betaD = (2 * (logMin / EPSILON - logMax)) / (EPSILON - 1);
const betaMin = logMax - 0.5 * betaD;

/** The VP process' time at a noise level: ½β_d·t² + β_min·t = log(1 + σ²). */
function timeOf(sigma: number): number {
  return (Math.sqrt(betaMin ** 2 + 2 * betaD * Math.log1p(sigma ** 2)) - betaMin) / betaD;
}

/**
 * The weights, newest first, of the derivatives at `levels` in the step from `levels[0]` to `next`: ∫ of each Lagrange polynomial in t,
 * dσ, as the reference's sum of 10 000 points.
 */
export function deisTabWeights(levels: readonly number[], next: number): number[] {
  if (levels.length === 1) return [next - levels[0]!];
  const times = levels.map(timeOf);
  const [from, to] = [times[0]!, timeOf(next)];
  const weights = new Array<number>(times.length).fill(0);
  for (let i = 0; i < POINTS; i++) {
    const t = from + ((to - from) * i) / (POINTS - 1);
    const alpha = Math.exp(-0.5 * betaD * t * t - t * betaMin);
    const integrand = (0.5 * (betaD * t + betaMin)) / Math.sqrt(alpha * (1 - alpha));
    for (const [j, time] of times.entries()) {
      let polynomial = integrand;
      for (const [k, other] of times.entries()) if (k !== j) polynomial *= (t - other) / (time - other);
      weights[j]! += polynomial;
    }
  }
  return weights.map((weight) => (weight * (to - from)) / POINTS);
}
