import { scale as scaleBy } from "./blend.ts";
import { Estimate, type EstimatingDenoiser } from "./estimate.ts";
import { invalid } from "./invalid.ts";
import { ownerOf } from "./kernels/workspaces.ts";
import type { Denoiser } from "./sampler.ts";
import { alphaOf, type Space } from "./space.ts";

/** What a network's output means, by diffusers' names. */
export const predictions = [
  "epsilon",
  "v_prediction",
  "sample",
  "flow_prediction",
  "edm",
  "edm_v",
  "consistency",
] as const;
/**
 * What a network's output means: the noise ε; the velocity v = αε − σx0 (Salimans & Ho 2022, https://arxiv.org/abs/2202.00512);
 * x0 itself; the flow ε − x0; EDM's preconditioned F (Karras et al. 2022, table 1), `edm_v` where its sign is turned; or F of a
 * consistency model, whose boundary is at σ_min (Song et al. 2023, appendix C).
 */
export type Prediction = (typeof predictions)[number];

/**
 * A network call: from the scaled input and the timestep the network is told to its raw output. The input is the caller's, the same array
 * each time: it may be read until the call is done or has failed, and not after: the next run has the same one. The output is handed over, and written over: a new array each time.
 */
export type Network = (input: Float32Array, timestep: number, index: number) => Promise<Float32Array>;

/** How to turn a network into a {@link Denoiser}. */
export interface DenoiserOptions {
  prediction: Prediction;
  /** The sampler's space. */
  space: Space;
  /** What the network is told at a noise level of that space; `index` is the step's. */
  timestepOf: (sigma: number, index: number) => number;
  /** EDM's σ_data, 0.5 unless given. */
  sigmaData?: number;
  /** σ_min of a consistency model, 0.002 unless given. */
  sigmaMin?: number;
  /** Clips or thresholds each estimate of x0, in place. */
  clamp?: (denoised: Float32Array) => void;
  /** Called after each network call with the way from another output for the same input to its estimate of x0. */
  observe?: (estimate: (output: Float32Array) => Float32Array) => void;
}

/** `denoised = skip·x + out·output`, and the network's input is `scale·x`. */
export interface Scalings {
  scale: number;
  skip: number;
  out: number;
}

/** The coefficients that go from a network's input and output to x0, for a state at noise level `sigma` of `space`. */
export function scalingsOf(
  prediction: Prediction,
  space: Space,
  sigma: number,
  { sigmaData = 0.5, sigmaMin = 0.002 }: Pick<DenoiserOptions, "sigmaData" | "sigmaMin"> = {},
): Scalings {
  const alpha = alphaOf(space, sigma);
  if (prediction === "flow_prediction") {
    if (space !== "flow") invalid("prediction_type", "flow_prediction is stepped in the flow space");
    return { scale: 1, skip: 1, out: -sigma };
  }
  if (prediction === "edm" || prediction === "edm_v") {
    const norm = Math.hypot(alpha * sigmaData, sigma);
    const out = (sigma * sigmaData) / norm;
    return { scale: 1 / norm, skip: (alpha * sigmaData ** 2) / norm ** 2, out: prediction === "edm" ? out : -out };
  }
  if (prediction === "consistency") {
    const norm = Math.hypot(sigmaData, sigma);
    const above = sigma - sigmaMin;
    const skip = sigmaData ** 2 / (above ** 2 + sigmaData ** 2);
    return { scale: 1 / norm, skip, out: (above * sigmaData) / norm };
  }
  // The networks were trained on inputs with α² + σ² = 1.
  const scale = space === "vp" ? 1 : 1 / Math.hypot(alpha, sigma);
  if (prediction === "epsilon") return { scale, skip: 1 / alpha, out: -sigma / alpha };
  if (prediction === "v_prediction") return { scale, skip: alpha * scale ** 2, out: -sigma * scale };
  if (prediction === "sample") return { scale, skip: 0, out: 1 };
  return invalid("prediction_type", `unknown prediction ${String(prediction)}`, predictions);
}

/** Wraps a network as a {@link Denoiser}: scales its input (c_in), tells it the timestep, and turns its output into x0. */
export function denoiser(network: Network, options: DenoiserOptions): Denoiser {
  const { prediction, space, timestepOf, clamp, observe } = options;
  let input = new Float32Array(0);
  const estimate = async (x: Float32Array, sigma: number, index: number) => {
    const scalings = scalingsOf(prediction, space, sigma, options);
    if (input.length !== x.length) input = ownerOf(x)?.input() ?? new Float32Array(x.length);
    scaleBy(input, scalings.scale, x);
    const output = await network(input, timestepOf(sigma, index), index);
    if (output.length !== x.length) invalid("network", `returned ${output.length} values for a latent of ${x.length}`);
    observe?.((other) => new Estimate(x, other, scalings).sum(new Float32Array(x.length), 0, 1));
    return new Estimate(x, output, scalings);
  };
  const model: Denoiser = async (x, sigma, index, into) => {
    const x0 = await estimate(x, sigma, index);
    const denoised = into ? x0.sum(into, 0, 1) : x0.denoised;
    clamp?.(denoised);
    return denoised;
  };
  // What is clamped is no sum.
  return clamp ? model : (Object.assign(model, { estimate }) satisfies EstimatingDenoiser);
}
