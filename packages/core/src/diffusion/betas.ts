import { invalid } from "./invalid.ts";

/** Names of the beta schedules, as in a diffusers scheduler_config.json. */
export const betaSchedules = ["linear", "scaled_linear", "squaredcos_cap_v2", "sigmoid", "laplace", "exp"] as const;
/** A beta schedule's name. */
export type BetaSchedule = (typeof betaSchedules)[number];

const f32 = Math.fround;

/** `torch.linspace(start, end, n, dtype=float32)`, to the bit: each half is counted from its own end. */
export function linspaceF32(start: number, end: number, n: number): Float32Array {
  const [first, last] = [f32(start), f32(end)];
  const step = n > 1 ? f32(f32(last - first) / (n - 1)) : 0;
  // A vectorised torch fuses multiply and add, so the product isn't rounded by itself.
  return Float32Array.from({ length: n }, (_, i) => (i < n / 2 ? first + step * i : last - step * (n - 1 - i)));
}

/**
 * The betas of a named schedule, in float32 as diffusers makes them, so that the levels derived from them agree.
 *
 * - `linear`: DDPM, https://arxiv.org/abs/2006.11239. `scaled_linear`: linear in √β, the latent diffusion models' own.
 * - `squaredcos_cap_v2`: cosine ᾱ, https://arxiv.org/abs/2102.09672, β at most 0.999. `exp`, `laplace`: other ᾱ curves.
 * - `sigmoid`: GeoDiff's, https://arxiv.org/abs/2203.02923.
 */
export function makeBetas(schedule: BetaSchedule, start: number, end: number, n: number): Float32Array {
  switch (schedule) {
    case "linear":
      return linspaceF32(start, end, n);
    case "scaled_linear":
      return linspaceF32(Math.sqrt(start), Math.sqrt(end), n).map((root) => root * root);
    case "sigmoid":
      return linspaceF32(-6, 6, n).map((v) => f32(f32(1 / (1 + Math.exp(-v))) * f32(end - start)) + start);
    case "squaredcos_cap_v2":
      return betasFromAlphaBar(n, (t) => Math.cos((((t + 0.008) / 1.008) * Math.PI) / 2) ** 2);
    case "exp":
      return betasFromAlphaBar(n, (t) => Math.exp(-12 * t));
    case "laplace":
      return betasFromAlphaBar(n, laplaceAlphaBar);
    default:
      return invalid("beta_schedule", `unknown schedule ${String(schedule)}`, betaSchedules);
  }
}

/** β_i = min(1 − ᾱ((i+1)/n) / ᾱ(i/n), 0.999). */
function betasFromAlphaBar(n: number, alphaBar: (t: number) => number): Float32Array {
  return Float32Array.from({ length: n }, (_, i) => Math.min(1 - alphaBar((i + 1) / n) / alphaBar(i / n), 0.999));
}

function laplaceAlphaBar(t: number): number {
  const side = 0.5 - t;
  const sign = side < 0 || Object.is(side, -0) ? -1 : 1;
  const snr = Math.exp(-0.5 * sign * Math.log(1 - 2 * Math.abs(side) + 1e-6));
  return Math.sqrt(snr / (1 + snr));
}

/** The running product ᾱ_t = Π(1 − β), accumulated in double precision and rounded to float32 as torch's CPU cumprod does. */
export function alphasCumprodOf(betas: Float32Array): Float32Array {
  let product = 1;
  return betas.map((beta) => {
    product *= f32(1 - beta);
    return product;
  });
}

/** Betas with zero terminal SNR: Algorithm 1 of Lin et al. 2023 (https://arxiv.org/abs/2305.08891). The last ᾱ becomes 0. */
export function rescaleZeroTerminalSnr(betas: Float32Array): Float32Array {
  const roots = alphasCumprodOf(betas).map(Math.sqrt);
  const [first, last] = [roots[0]!, roots[roots.length - 1]!];
  const scale = f32(first / f32(first - last));
  const bars = roots.map((root) => f32(f32(f32(root - last) * scale) ** 2));
  return bars.map((bar, i) => 1 - f32(i === 0 ? bar : bar / bars[i - 1]!));
}
